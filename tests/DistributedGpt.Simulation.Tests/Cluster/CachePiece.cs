namespace DistributedGpt.Simulation.Tests;

/// <summary>A block of a layer's cache on its way to a copy.</summary>
/// <param name="Block">The block.</param>
/// <param name="Hash">Its hash when it was read, if it had one.</param>
/// <param name="Content">What it holds.</param>
/// <param name="Checksum">Of the content as it was read.</param>
internal sealed record CachePiece(int Block, BlockHash? Hash, ulong[] Content, ulong Checksum)
{
    public static ulong Sum(ReadOnlySpan<ulong> content)
    {
        ulong sum = 0;
        foreach (ulong each in content) sum = Mix.In(sum, each);
        return sum;
    }
}
