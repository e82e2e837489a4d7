namespace DistributedGpt.Engine.Tests;

/// <summary>The planner's promises written down once more, slowly: what a division costs, and the best one by trying all.</summary>
internal sealed class PlanChecker(PlanningRequest request, int replicas = 1)
{
    private readonly ModelShape _model = request.Model;
    private int Layers => _model.Layers.Length;

    /// <summary>Tokens per second at full load; also checks that the plan is one.</summary>
    public double SpeedOf(ClusterPlan plan)
    {
        Assert.Equal(replicas, plan.Replicas.Count);
        int[] used = [.. plan.Replicas.SelectMany(replica => replica.Stages).Select(stage => stage.Silo)];
        Assert.Equal(used.Length, used.Distinct().Count());
        double speed = 0;
        foreach (StagePlan replica in plan.Replicas)
        {
            Assert.Equal(Layers, replica.LayerCount);
            double tokens = TokensOf(replica.Stages.Length), slowest = 0;
            for (int i = 0; i < replica.Stages.Length; i++)
            {
                PlanStage stage = replica.Stages[i];
                Assert.True(Bytes(stage.Silo, stage.FirstLayer, stage.EndLayer, plan.KvBlocks) <= request.Silos[stage.Silo].MemoryBytes, $"stage {i} exceeds its memory");
                slowest = Math.Max(slowest, Time(stage.Silo, i + 1 < replica.Stages.Length ? replica.Stages[i + 1].Silo : null, stage.FirstLayer, stage.EndLayer, tokens));
            }

            speed += 1000 * tokens / slowest;
        }

        return speed;
    }

    /// <summary>The speed of the best plan; 0 where none fits.</summary>
    public double BestSpeed()
    {
        double[] alone = [.. Enumerable.Range(0, 1 << request.Silos.Count).Select(BestUsingAll)];
        var best = new double[alone.Length];
        for (int count = 1; count <= replicas; count++)
        {
            var more = new double[alone.Length];
            for (int set = 1; set < alone.Length; set++)
            {
                for (int mine = set; mine > 0; mine = (mine - 1) & set)
                {
                    double others = best[set ^ mine];
                    if (alone[mine] > 0 && (count == 1 || others > 0)) more[set] = Math.Max(more[set], alone[mine] + others);
                }
            }

            best = more;
        }

        return best.Max();
    }

    private double TokensOf(int stages) => Math.Max(1, (double)ClusterPlanner.FullLoad / replicas / stages);

    private double BestUsingAll(int set)
    {
        int stages = System.Numerics.BitOperations.PopCount((uint)set);
        if (stages == 0 || stages > Layers) return 0;
        double tokens = TokensOf(stages), slowest = double.PositiveInfinity;
        for (int first = 0; first < request.Silos.Count; first++)
        {
            if ((set >> first & 1) != 0) Extend(set ^ (1 << first), first, 0, 0);
        }

        return double.IsInfinity(slowest) ? 0 : 1000 * tokens / slowest;

        void Extend(int left, int silo, int start, double before)
        {
            if (left == 0)
            {
                double time = Math.Max(before, Time(silo, null, start, Layers, tokens));
                if (time < slowest && Bytes(silo, start, Layers, request.KvBlocks) <= request.Silos[silo].MemoryBytes) slowest = time;
                return;
            }

            for (int end = start + 1; end < Layers && Bytes(silo, start, end, request.KvBlocks) <= request.Silos[silo].MemoryBytes; end++)
            {
                for (int next = 0; next < request.Silos.Count; next++)
                {
                    if ((left >> next & 1) == 0) continue;
                    double time = Math.Max(before, Time(silo, next, start, end, tokens));
                    if (time < slowest) Extend(left ^ (1 << next), next, end, time);
                }
            }
        }
    }

    private double Time(int silo, int? next, int start, int end, double tokens)
    {
        double work = _model.Layers[start..end].Sum(layer => layer.Work);
        if (start == 0) work += _model.Embedding.Work;
        if (end == Layers) work += _model.Head.Work;
        double hop = next is { } to ? request.Network.Between(silo, to).Milliseconds(tokens * _model.BorderBytesPerToken)
            : start == 0 ? 0 : request.Network.Usual.LatencyMilliseconds;
        return work * request.Silos[silo].StepTimes.Milliseconds(tokens) + hop;
    }

    private long Bytes(int silo, int start, int end, int blocks)
    {
        long weights = _model.Layers[start..end].Sum(layer => layer.WeightBytes), caches = _model.Layers[start..end].Sum(layer => layer.KvBytesPerBlock) * blocks;
        if (start == 0) weights += _model.Embedding.WeightBytes;
        if (end == Layers) weights += _model.Head.WeightBytes;
        else caches += _model.BorderLogBytesPerBlock * blocks;
        return (long)(weights * request.Silos[silo].WeightFactor) + caches;
    }
}
