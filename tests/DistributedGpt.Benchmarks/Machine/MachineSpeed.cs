using DistributedGpt.Cli;

namespace DistributedGpt.Benchmarks;

/// <summary>What this machine can do at the moment.</summary>
/// <param name="MemoryRead">Bytes per second, the best of five sums over 1 GB with the best number of threads.</param>
/// <param name="FloatPeak">Float32 operations per second, a multiply-add counted as two.</param>
internal readonly record struct MachineSpeed(double MemoryRead, double FloatPeak)
{
    private const long MemoryBytes = 1 << 30;

    /// <summary>Measures both; the peak with <paramref name="threads"/> threads.</summary>
    public static MachineSpeed Measure(int threads) => new(MemoryBandwidth.Measure(MemoryBytes).BytesPerSecond, Benchmarks.FloatPeak.Measure(threads));
}
