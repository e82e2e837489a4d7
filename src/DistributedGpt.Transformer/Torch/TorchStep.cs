using DistributedGpt.Engine;
using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// A step on the device. All its integers go there in one copy; masks and rotary angles are computed there from them, once for all
/// layers of a stage.
/// </summary>
internal sealed class TorchStep : IDisposable
{
    /// <summary>A number that is made for a call may be collected while the call runs: TorchSharp does not keep it alive.</summary>
    private static readonly Scalar s_unseen = float.NegativeInfinity;

    private readonly List<Tensor> _kept = [];
    private TorchRotary? _rotary;
    private (Tensor Cosine, Tensor Sine) _angles;

    /// <summary>Uploads <paramref name="step"/>.</summary>
    public TorchStep(StepBatch step, Device device)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        Batch = step;
        TorchStepLayout layout = new(step);
        Tensor all = tensor(layout.Integers).to(device);
        int rows = layout.RowCount;
        TokenIds = Keep(all.narrow(0, 0, rows));
        Positions = Keep(all.narrow(0, rows, rows));
        CacheBlocks = Keep(all.narrow(0, 2L * rows, rows));
        CacheOffsets = Keep(all.narrow(0, 3L * rows, rows));
        Groups = [.. layout.Groups.Select(group => MakeGroup(group, all, all.narrow(0, layout.AscendingOffset, layout.AscendingCount), device))];
    }

    /// <summary>The step.</summary>
    public StepBatch Batch { get; }

    /// <summary>Token ids <c>[rows]</c>.</summary>
    public Tensor TokenIds { get; }

    /// <summary>Positions <c>[rows]</c>.</summary>
    public Tensor Positions { get; }

    /// <summary>The cache block that each row is written to, <c>[rows]</c>.</summary>
    public Tensor CacheBlocks { get; }

    /// <summary>The place within it, <c>[rows]</c>.</summary>
    public Tensor CacheOffsets { get; }

    /// <summary>The step's rows, grouped for attention.</summary>
    public TorchAttentionGroup[] Groups { get; }

    /// <summary>Cosines and sines <c>[rows, 1, head_size]</c> of the rows' rotary angles.</summary>
    public (Tensor Cosine, Tensor Sine) Angles(TorchRotary rotary)
    {
        if (_rotary == rotary) return _angles;
        using var scope = NewDisposeScope();
        (Tensor cosine, Tensor sine) = rotary.Angles(Positions);
        (_rotary, _angles) = (rotary, (Keep(cosine), Keep(sine)));
        return _angles;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _kept) tensor.Dispose();
    }

    private TorchAttentionGroup MakeGroup(TorchStepLayout.Group group, Tensor all, Tensor ascending, Device device)
    {
        int tableLength = group.Sequences * group.Blocks;
        Tensor table = all.narrow(0, group.Offset, tableLength);
        Tensor firstPositions = all.narrow(0, group.Offset + tableLength, group.Sequences);
        Tensor rows = all.narrow(0, group.Offset + tableLength + group.Sequences, group.Sequences);
        // Row r of a sequence, at position first + r, sees the positions up to its own.
        Tensor rowPositions = firstPositions.view(-1, 1, 1, 1).Plus(ascending.narrow(0, 0, group.RowsEach).view(1, 1, -1, 1));
        Tensor unseen = ascending.narrow(0, 0, group.Blocks * StepBatch.BlockSize).view(1, 1, 1, -1).gt(rowPositions);
        Tensor mask = zeros(unseen.shape, ScalarType.Float32, device).masked_fill_(unseen, s_unseen);
        return new(group.Sequences, group.RowsEach, group.FirstRow, group.Consecutive ? null : Keep(rows), Keep(table), Keep(mask));
    }

    private Tensor Keep(Tensor tensor)
    {
        tensor.DetachFromDisposeScope();
        _kept.Add(tensor);
        return tensor;
    }
}
