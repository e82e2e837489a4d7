using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>The parts of a stage in the order in which a step goes through them.</summary>
internal sealed class StageRun
{
    private readonly LoadedPart[] _parts;
    private readonly IEmbeddingRuntime? _embedding;
    private readonly ILayerRuntime[] _layers;

    /// <summary>A stage of those of <paramref name="parts"/> that the plan gives to it.</summary>
    /// <exception cref="InvalidOperationException">A part is missing: the stage must be loaded before it is attached.</exception>
    public StageRun(StageSpec spec, IReadOnlyDictionary<PartKey, LoadedPart> parts)
    {
        Spec = spec;
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

    /// <summary>This, or the stage as it is now if a part was replaced.</summary>
    public StageRun Refresh(IReadOnlyDictionary<PartKey, LoadedPart> parts) =>
        Array.TrueForAll(_parts, part => parts.TryGetValue(part.Key, out LoadedPart? now) && ReferenceEquals(now, part)) ? this : new StageRun(Spec, parts);

    /// <summary>Takes a step through the stage.</summary>
    public StageOutput Forward(IComputeBackend backend, StepMessage message)
    {
        StepBatch batch = message.Batch;
        using IHiddenStates x = backend.RentHiddenStates(batch.RowCount, Spec.HiddenSize);    // [rows, hidden]
        if (_embedding is not null) _embedding.Forward(batch, x);
        else message.Hidden!.MoveTo(x);
        foreach (ILayerRuntime layer in _layers) layer.Forward(batch, x);
        return Head is null ? new StageOutput(Hidden: Frame.From(x), Next: Spec.Next) : new StageOutput(Tokens: Head.Forward(batch, x));
    }
}
