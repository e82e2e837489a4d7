namespace DistributedGpt.Engine;

/// <summary>Which silo computes which layers, and how fast that will be.</summary>
public sealed class ClusterPlan
{
    private readonly StageCosts _costs;

    internal ClusterPlan(StageCosts costs, StagePlan[] replicas)
    {
        _costs = costs;
        Replicas = replicas;
    }

    /// <summary>The replicas, the fastest first.</summary>
    public IReadOnlyList<StagePlan> Replicas { get; }

    /// <summary>Blocks of the KV cache of each replica.</summary>
    public int KvBlocks => _costs.KvBlocks;

    /// <summary>Bytes of a stage's weights.</summary>
    public long WeightBytes(PlanStage stage) => _costs.WeightBytes(stage);

    /// <summary>Bytes of a stage's KV cache.</summary>
    public long KvBytes(PlanStage stage) => _costs.KvBytes(stage);

    /// <summary>Bytes of what a stage keeps of what it sent to the next one.</summary>
    public long BorderLogBytes(PlanStage stage) => _costs.BorderLogBytes(stage);

    /// <summary>Whether every silo has the memory for its stages.</summary>
    public bool Fits => Replicas.SelectMany(replica => replica.Stages).GroupBy(stage => stage.Silo).All(stages =>
        stages.Aggregate(Int128.Zero, (sum, stage) => sum + WeightBytes(stage) + KvBytes(stage) + BorderLogBytes(stage)) <= _costs.Silos[stages.Key].MemoryBytes);

    /// <summary>How long each stage of a replica takes for a step, the way to the next stage included, with so many requests in all.</summary>
    public IReadOnlyList<double> StageMilliseconds(StagePlan replica, int requests) => new PipelineSpeed(_costs, replica, Math.Max(1, (double)requests / Replicas.Count)).StageMilliseconds;

    /// <summary>The speed with so many requests at once, which the replicas share evenly.</summary>
    public SpeedPrediction Predict(int requests)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(requests, 1);
        int busy = Math.Min(requests, Replicas.Count);
        PipelineSpeed[] speeds = [.. Replicas.Take(busy).Select(plan => new PipelineSpeed(_costs, plan, (double)requests / busy))];
        string reason = new LimitDescription(_costs, Replicas[0], speeds[0]).ToString();
        if (Replicas.Count > 1) reason = $"{busy} of {Replicas.Count} replicas have {(double)requests / busy:0.##} requests each; in the fastest, {reason}";
        return new SpeedPrediction(requests, speeds.Sum(speed => speed.TokensPerSecond), reason);
    }
}
