using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>A projection's resident weights: a packed matrix and its bias.</summary>
internal sealed class CpuLinear(PackedMatrix weight, CpuVector? bias) : IDisposable
{
    /// <summary><c>[outputs, inputs]</c>.</summary>
    public PackedMatrix Weight => weight;

    /// <summary><c>[outputs]</c>, or null.</summary>
    public CpuVector? Bias => bias;

    /// <summary>Resident bytes.</summary>
    public long Bytes => weight.Bytes + (bias?.Bytes ?? 0);

    /// <summary>Loads projections of the same input, fused into one: outputs one after the other.</summary>
    /// <param name="context">Where they are to be used.</param>
    /// <param name="weights">The weights <c>[outputs, inputs]</c>.</param>
    /// <param name="biases">The biases <c>[1, outputs]</c>, or nulls.</param>
    /// <param name="widen">Whether the weights become float32, unless the options name a type.</param>
    public static CpuLinear Load(
        CpuContext context, ReadOnlySpan<TensorView?> weights, ReadOnlySpan<TensorView?> biases, bool widen = false)
    {
        var parts = new TensorView[weights.Length];
        for (int i = 0; i < parts.Length; i++) parts[i] = weights[i] ?? throw new ModelFormatException("A projection's weight is missing.");
        return new CpuLinear(context.Pack(parts, widen), CpuVector.Load(biases));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        weight.Dispose();
        bias?.Dispose();
    }
}
