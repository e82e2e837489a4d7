using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>How a <see cref="CpuBackend"/> computes.</summary>
public sealed record CpuBackendOptions
{
    /// <summary>Threads that share the work of a step, the caller included.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The cores that the team's threads are bound to, one each, in turn; null: none. The caller binds itself.</summary>
    public IReadOnlyList<int>? Cores { get; init; }

    /// <summary>
    /// The type of resident matrices, <see cref="TensorType.Float32"/> or <see cref="TensorType.BFloat16"/>; null: as stored, which keeps
    /// bfloat16 and widens float16 to float32. Norm weights and biases are float32 always.
    /// </summary>
    public TensorType? WeightType { get; init; }
}
