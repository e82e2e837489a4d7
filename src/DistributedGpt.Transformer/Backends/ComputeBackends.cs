using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>The devices that this build can compute on.</summary>
public static class ComputeBackends
{
    /// <summary>The backend of a device.</summary>
    /// <param name="device"><c>cpu</c>, or <c>cuda[:index]</c>.</param>
    /// <param name="threads">Threads of the CPU's worker team; null: one per core, of those named where some are.</param>
    /// <param name="weightType">The type of resident weights; null: as stored.</param>
    /// <param name="cores">Cores that the CPU's worker team is bound to, in turn; null: none.</param>
    /// <exception cref="ArgumentException">There is no such kind of device.</exception>
    /// <exception cref="TorchUnavailableException">A CUDA device is asked for, and libtorch or the device is missing.</exception>
    public static IComputeBackend Create(string device, int? threads, TensorType? weightType, IReadOnlyList<int>? cores = null) => device switch
    {
        "cpu" => new CpuBackend(new CpuBackendOptions { Threads = threads ?? cores?.Count ?? Environment.ProcessorCount, Cores = cores, WeightType = weightType }),
        _ when device.StartsWith("cuda", StringComparison.Ordinal) => new TorchBackend(device, weightType),
        _ => throw new ArgumentException($"device: expected cpu or cuda[:index], found {device}", nameof(device)),
    };
}
