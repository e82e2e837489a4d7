using System.IO.Hashing;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>Blocks of a replica's caches on their way from one silo to another, at most <see cref="MostBytes"/>.</summary>
/// <param name="Hashes">The hash of each block when it was read; null where it had none.</param>
/// <param name="Bytes">What the blocks hold, one after the other.</param>
/// <param name="Checksum">Of the bytes, as they were read.</param>
[GenerateSerializer, Immutable]
internal sealed record CachePiece([property: Id(0)] BlockHash?[] Hashes, [property: Id(1)] byte[] Bytes, [property: Id(2)] ulong Checksum)
{
    /// <summary>Larger messages take longer for each byte.</summary>
    public const int MostBytes = 256 << 10;

    /// <summary>Whether the bytes are those that were read.</summary>
    public bool IsIntact => Checksum == Sum(Bytes);

    /// <summary>A piece of these bytes.</summary>
    public static CachePiece Of(BlockHash?[] hashes, byte[] bytes) => new(hashes, bytes, Sum(bytes));

    private static ulong Sum(byte[] bytes) => XxHash3.HashToUInt64(bytes);
}
