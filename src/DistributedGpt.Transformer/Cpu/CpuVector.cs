using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>A norm's weight or a bias: float32 <c>[count]</c>.</summary>
internal sealed unsafe class CpuVector : IDisposable
{
    private readonly NativeBuffer _data;

    private CpuVector(long count) => _data = new NativeBuffer(count * sizeof(float));

    /// <summary>The elements.</summary>
    public float* Data => _data.Floats;

    /// <summary>Resident bytes.</summary>
    public long Bytes => _data.Bytes;

    /// <summary>Copies vectors <c>[1, n]</c>, one after the other; null where they are missing.</summary>
    public static CpuVector? Load(params ReadOnlySpan<TensorView?> parts)
    {
        if (parts[0] is null) return null;
        long count = 0;
        foreach (TensorView? part in parts) count += part!.Value.Columns;
        var vector = new CpuVector(count);
        float* to = vector.Data;
        foreach (TensorView? part in parts)
        {
            part!.Value.CopyRow(0, new Span<float>(to, part.Value.Columns));
            to += part.Value.Columns;
        }

        return vector;
    }

    /// <inheritdoc/>
    public void Dispose() => _data.Dispose();
}
