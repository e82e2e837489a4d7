using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>The parts of a stage in the order in which a step goes through them.</summary>
internal sealed class StageRun
{
    private readonly LoadedPart[] _parts;
    private readonly IEmbeddingRuntime? _embedding;
    private readonly ILayerRuntime[] _layers;

    /// <summary>A stage of those of <paramref name="parts"/> that the plan gives to it, with the border log behind it.</summary>
    /// <exception cref="InvalidOperationException">A part is missing: the stage must be loaded before it is attached.</exception>
    public StageRun(StageSpec spec, IReadOnlyDictionary<PartKey, LoadedPart> parts, BorderLog? log)
    {
        Spec = spec;
        Log = log;
        _parts = [.. PartKey.OfStage(spec.Replica, spec.Stage).Select(Part)];
        _embedding = _parts[0].Runtime as IEmbeddingRuntime;
        _layers = [.. _parts.Select(part => part.Runtime).OfType<ILayerRuntime>()];
        Head = _parts[^1].Runtime as IHeadRuntime;
        Incarnations = Array.ConvertAll(_parts, part => part.Incarnation);
        Metrics = new StageMetrics(spec);

        LoadedPart Part(PartKey key) => parts.TryGetValue(key, out LoadedPart? part)
            ? part
            : throw new InvalidOperationException($"{key.Kind} {key.Layer} of {key.Replica} is not loaded here");
    }

    /// <summary>What the stage is.</summary>
    public StageSpec Spec { get; }

    /// <summary>The incarnations of its parts.</summary>
    public long[] Incarnations { get; }

    /// <summary>What is measured of its steps.</summary>
    public StageMetrics Metrics { get; }

    /// <summary>The head, in the last stage.</summary>
    public IHeadRuntime? Head { get; }

    /// <summary>What the stage sent to the next one; null where it keeps nothing.</summary>
    public BorderLog? Log { get; }

    /// <summary>This, or the stage as it is now if a part was replaced.</summary>
    public StageRun Refresh(IReadOnlyDictionary<PartKey, LoadedPart> parts) =>
        Array.TrueForAll(_parts, part => parts.TryGetValue(part.Key, out LoadedPart? now) && ReferenceEquals(now, part)) ? this : new StageRun(Spec, parts, Log);

    /// <summary>What the stage sent of a step's rows, for the stages behind it that rebuild their caches.</summary>
    public StageOutput Resend(StepBatch batch) => new(Hidden: Log!.Read(batch), Next: Spec.Next);

    /// <summary>Takes a step through the stage.</summary>
    /// <returns>What is to be sent on; nothing where the step only rebuilds caches and the next stage has no part in that.</returns>
    public StageOutput Forward(IComputeBackend backend, StepMessage message)
    {
        StepBatch batch = message.Batch;
        using IHiddenStates x = backend.RentHiddenStates(batch.RowCount, Spec.HiddenSize);    // [rows, hidden]
        if (_embedding is not null) _embedding.Forward(batch, x);
        else message.Hidden!.MoveTo(x);
        foreach (ILayerRuntime layer in _layers) layer.Forward(batch, x);
        if (Head is not null) return batch.Rebuild is null ? new StageOutput(Tokens: Head.Forward(batch, x)) : default;
        Frame frame = Frame.From(x);
        Log?.Write(batch, frame);
        if (batch.Rebuild?.End != Spec.Index + 1) return new StageOutput(Hidden: frame, Next: Spec.Next);
        frame.Release();
        return default;
    }
}
