namespace DistributedGpt.Engine;

/// <summary>What a run of layers costs on a silo: bytes and milliseconds.</summary>
internal sealed class StageCosts
{
    private readonly SiloNetwork _network;
    private readonly double[] _workBefore;
    private readonly long[] _weightsBefore;
    private readonly long[] _kvBefore;

    /// <summary>The costs of a model's layers with a KV cache of so many blocks.</summary>
    public StageCosts(ModelShape model, IReadOnlyList<SiloResources> silos, SiloNetwork network, int kvBlocks)
    {
        Model = model;
        Silos = silos;
        KvBlocks = kvBlocks;
        _network = network;
        _workBefore = new double[LayerCount + 1];
        _weightsBefore = new long[LayerCount + 1];
        _kvBefore = new long[LayerCount + 1];
        for (int i = 0; i < LayerCount; i++)
        {
            _workBefore[i + 1] = _workBefore[i] + model.Layers[i].Work;
            _weightsBefore[i + 1] = _weightsBefore[i] + model.Layers[i].WeightBytes;
            _kvBefore[i + 1] = _kvBefore[i] + model.Layers[i].KvBytesPerBlock;
        }
    }

    /// <summary>The model.</summary>
    public ModelShape Model { get; }

    /// <summary>The silos.</summary>
    public IReadOnlyList<SiloResources> Silos { get; }

    /// <summary>Blocks of the KV cache.</summary>
    public int KvBlocks { get; }

    /// <summary>Layers of the model.</summary>
    public int LayerCount => Model.Layers.Length;

    /// <summary>Whether neither layers nor links differ, so that only the number of layers counts.</summary>
    public bool IsUniform => _network.Exceptions.Count == 0 && Array.TrueForAll(Model.Layers, layer => layer == Model.Layers[0]);

    /// <summary>The same for layers that are all alike, and for the usual link alone.</summary>
    public StageCosts Uniform(LayerShape layer) =>
        new(Model with { Layers = [.. Enumerable.Repeat(layer, LayerCount)] }, Silos, _network with { Exceptions = new Dictionary<(int, int), Link>() }, KvBlocks);

    /// <summary>Bytes of weights.</summary>
    public long WeightBytes(PlanStage stage)
    {
        long bytes = _weightsBefore[stage.EndLayer] - _weightsBefore[stage.FirstLayer];
        if (stage.Embedding) bytes += Model.Embedding.WeightBytes;
        if (stage.Head) bytes += Model.Head.WeightBytes;
        return (long)(bytes * Silos[stage.Silo].WeightFactor);
    }

    /// <summary>Bytes of the KV cache; the largest number where it would be beyond that.</summary>
    public long KvBytes(PlanStage stage) => (long)Int128.Min(long.MaxValue, (Int128)(_kvBefore[stage.EndLayer] - _kvBefore[stage.FirstLayer]) * KvBlocks);

    /// <summary>Bytes of what the stage keeps of what it sent to the next one.</summary>
    public long BorderLogBytes(PlanStage stage) => stage.Head ? 0 : Model.BorderLogBytesPerBlock * KvBlocks;

    /// <summary>Whether the silo has the memory.</summary>
    public bool Fits(PlanStage stage) => (Int128)WeightBytes(stage) + KvBytes(stage) + BorderLogBytes(stage) <= Silos[stage.Silo].MemoryBytes;

    /// <summary>What the stage computes in a step of so many tokens.</summary>
    public double ComputeMilliseconds(PlanStage stage, double tokens)
    {
        double work = _workBefore[stage.EndLayer] - _workBefore[stage.FirstLayer];
        if (stage.Embedding) work += Model.Embedding.Work;
        if (stage.Head) work += Model.Head.Work;
        return work * Silos[stage.Silo].StepTimes.Milliseconds(tokens);
    }

    /// <summary>
    /// How long the stage's result is on its way: hidden states to the stage on <paramref name="nextSilo"/>, or from the last of
    /// several stages the sampled ids to the coordinator. A replica of one stage is beside its coordinator.
    /// </summary>
    public double HopMilliseconds(PlanStage stage, int? nextSilo, double tokens) => nextSilo is { } next
        ? _network.Between(stage.Silo, next).Milliseconds(tokens * Model.BorderBytesPerToken)
        : stage.Embedding ? 0 : _network.Usual.LatencyMilliseconds;
}
