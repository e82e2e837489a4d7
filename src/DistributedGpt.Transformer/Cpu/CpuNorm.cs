using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>A norm's resident weights.</summary>
internal sealed class CpuNorm(ModelConfig config, TensorView? weight, TensorView? bias) : IDisposable
{
    /// <summary>The kind of norm.</summary>
    public NormKind Kind { get; } = config.Norm;

    /// <summary>Added to the variance or mean square.</summary>
    public float Epsilon { get; } = config.NormEpsilon;

    /// <summary>Width of a row.</summary>
    public int Hidden { get; } = config.HiddenSize;

    /// <summary><c>[hidden]</c>.</summary>
    public CpuVector Weight { get; } = CpuVector.Load(weight) ?? throw new ModelFormatException("A norm's weight is missing.");

    /// <summary><c>[hidden]</c> of a layer norm, else null.</summary>
    public CpuVector? Bias { get; } = CpuVector.Load(bias);

    /// <summary>Resident bytes.</summary>
    public long Bytes => Weight.Bytes + (Bias?.Bytes ?? 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        Weight.Dispose();
        Bias?.Dispose();
    }
}
