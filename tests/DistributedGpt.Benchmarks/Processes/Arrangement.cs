namespace DistributedGpt.Benchmarks;

/// <summary>How a model is spread over processes of this machine.</summary>
/// <param name="Name">For the reader.</param>
/// <param name="Silos">The processes.</param>
internal sealed record Arrangement(string Name, params Arrangement.Silo[] Silos)
{
    /// <summary>A silo as a process.</summary>
    /// <param name="Threads">Of its worker team.</param>
    /// <param name="Core">The core that all of the process is bound to, or null for any.</param>
    /// <param name="LayerMilliseconds">The time for a layer that it is to claim; null: as measured.</param>
    internal sealed record Silo(int Threads, int? Core = null, double? LayerMilliseconds = null);
}
