namespace DistributedGpt.Transformer;

/// <summary>A matrix with several holders, see <see cref="CpuContext.AcquireEmbedding"/>.</summary>
internal sealed class SharedMatrix(CpuContext context, string source, PackedMatrix matrix) : IDisposable
{
    /// <summary>The matrix.</summary>
    public PackedMatrix Matrix => matrix;

    /// <summary>Where it came from.</summary>
    public string Source => source;

    /// <summary>How many hold it; guarded by the context.</summary>
    public int Holders { get; set; }

    /// <summary>Gives up one holder's share; call once per acquisition.</summary>
    public void Dispose() => context.Release(this);
}
