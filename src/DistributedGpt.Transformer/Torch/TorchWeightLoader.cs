using System.Runtime.InteropServices;
using DistributedGpt.Models;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Copies weights from a checkpoint to a device.</summary>
/// <param name="device">The device.</param>
/// <param name="type">The type of matrices and their biases there: float32 or bfloat16.</param>
internal sealed class TorchWeightLoader(Device device, ScalarType type)
{
    /// <summary>Elements that are widened at a time, so that the host needs no second copy of a large matrix.</summary>
    private const int ChunkElements = 1 << 22;

    /// <summary>The type in which products are computed.</summary>
    public ScalarType ComputeType => type;

    /// <summary>The device that weights go to.</summary>
    public Device Device => device;

    /// <summary>One matrix <c>[outputs, inputs]</c> of the rows of all <paramref name="views"/>.</summary>
    public Tensor LoadMatrix(params ReadOnlySpan<TensorView> views)
    {
        using var inference = inference_mode();
        int rows = 0;
        foreach (TensorView view in views) rows += view.Rows;
        int columns = views[0].Columns;
        Tensor matrix = empty([rows, columns], type, device).DetachFromDisposeScope();
        int written = 0;
        int chunkRows = Math.Max(1, ChunkElements / columns);
        foreach (TensorView view in views)
        {
            for (int first = 0; first < view.Rows; first += chunkRows)
            {
                int count = Math.Min(chunkRows, view.Rows - first);
                using Tensor chunk = empty([count, columns], ScalarType.Float32);
                view.SliceRows(first, count).CopyTo(MemoryMarshal.Cast<byte, float>(chunk.bytes));
                using Tensor target = matrix.narrow(0, written, count);
                target.copy_(chunk);
                written += count;
            }
        }
        return matrix;
    }

    /// <summary>The biases <c>[outputs]</c> of all <paramref name="views"/> in one, or null where there is none.</summary>
    public Tensor? LoadBias(params ReadOnlySpan<TensorView?> views) => views[0] is null ? null : LoadVector(type, views);

    /// <summary>A norm's weight or bias in float32, or null where there is none.</summary>
    public Tensor? LoadNorm(TensorView? view) => view is null ? null : LoadVector(ScalarType.Float32, view);

    private Tensor LoadVector(ScalarType scalarType, params ReadOnlySpan<TensorView?> views)
    {
        using var inference = inference_mode();
        List<float> values = [];
        foreach (TensorView? view in views)
        {
            float[] part = new float[view!.Value.Columns];
            view.Value.CopyTo(part);
            values.AddRange(part);
        }
        using Tensor host = tensor(values.ToArray());
        return host.to(scalarType, device, copy: true).DetachFromDisposeScope();
    }
}
