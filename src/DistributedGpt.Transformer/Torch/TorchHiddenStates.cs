using System.Runtime.InteropServices;
using DistributedGpt.Engine;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// Hidden states <c>[rows, hidden]</c>, float32, on the device, and with them what all layers of a stage need to know of the step:
/// it goes to the device once, with the first layer that asks, and is released with the hidden states.
/// </summary>
internal sealed class TorchHiddenStates : IHiddenStates
{
    private readonly Device _device;
    private TorchStep? _step;

    /// <summary>Allocates the buffer.</summary>
    public TorchHiddenStates(int rows, int hidden, Device device)
    {
        using var inference = inference_mode();
        _device = device;
        Rows = rows;
        Hidden = hidden;
        Tensor = empty([rows, hidden], ScalarType.Float32, device).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public int Rows { get; }

    /// <inheritdoc/>
    public int Hidden { get; }

    /// <summary>The values, changed in place.</summary>
    public Tensor Tensor { get; }

    /// <summary>The step on the device.</summary>
    public TorchStep Prepare(StepBatch step)
    {
        if (ReferenceEquals(_step?.Batch, step)) return _step!;
        if (step.RowCount != Rows) throw new ArgumentException($"the step has {step.RowCount} rows, the hidden states have {Rows}", nameof(step));
        _step?.Dispose();
        return _step = new TorchStep(step, _device);
    }

    /// <inheritdoc/>
    public void CopyTo(Span<float> destination)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        MemoryMarshal.Cast<byte, float>(Tensor.cpu().bytes).CopyTo(destination);
    }

    /// <inheritdoc/>
    public void CopyFrom(ReadOnlySpan<float> source)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        Tensor host = empty([Rows, Hidden], ScalarType.Float32);
        source[..(Rows * Hidden)].CopyTo(MemoryMarshal.Cast<byte, float>(host.bytes));
        Tensor.copy_(host);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _step?.Dispose();
        Tensor.Dispose();
    }
}
