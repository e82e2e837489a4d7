namespace DistributedGpt.Engine;

/// <summary>
/// Decides which silo computes which layers. It plans for full load, <see cref="FullLoad"/> requests at once; how fast the plan is
/// with fewer, <see cref="ClusterPlan.Predict"/> tells.
/// </summary>
public static class ClusterPlanner
{
    /// <summary>Requests at once that a plan is made for.</summary>
    public const int FullLoad = 64;

    private const int SilosNamed = 4;

    /// <summary>
    /// The plan that is fastest at full load. A silo that makes it no faster is left out. Exact for one replica, where layers and
    /// links are alike or there are at most eight silos, and no more stages than requests; else a heuristic.
    /// </summary>
    /// <exception cref="InsufficientMemoryException">The model does not fit; the message has the numbers.</exception>
    public static ClusterPlan Plan(PlanningRequest request)
    {
        ArgumentOutOfRangeException.ThrowIfZero(request.Silos.Count);
        int blocks = BlocksThatFit(request);
        StageCosts costs = CostsOf(request, blocks);
        var search = new ReplicaSearch(costs, FullLoad);
        Pipeline[]? best = null;
        foreach (int replicas in request.Replicas is { } wanted ? [wanted] : ReplicaCounts(MostReplicas(request, blocks)))
        {
            if (search.Best(replicas) is { } found && (best is null || Speed(found) > Speed(best) * (1 + Pipeline.Tolerance))) best = found;
        }

        return best is null ? throw Refusal(request, blocks) : new ClusterPlan(costs, Array.ConvertAll(best, pipeline => pipeline.Plan));
    }

    /// <summary>What a plan costs and how fast it is that was made otherwise; it need not fit.</summary>
    /// <param name="request">The model, its cache and the silos.</param>
    /// <param name="replicas">The stages of each replica.</param>
    public static ClusterPlan Evaluate(PlanningRequest request, params StagePlan[] replicas) => new(CostsOf(request, request.KvBlocks), replicas);

    private static double Speed(Pipeline[] replicas) => replicas.Sum(pipeline => pipeline.TokensPerSecond);

    private static StageCosts CostsOf(PlanningRequest request, int blocks) => new(request.Model, request.Silos, request.Network, blocks);

    /// <summary>The blocks that are wanted, or the most, down to the least, with which one replica fits.</summary>
    private static int BlocksThatFit(PlanningRequest request)
    {
        if (Fits(request.KvBlocks)) return request.KvBlocks;
        int least = request.LeastKvBlocks ?? request.KvBlocks;
        if (least == request.KvBlocks || !Fits(least)) throw Refusal(request, least);
        int fitting = least, beyond = request.KvBlocks;
        while (beyond - fitting > 1)
        {
            int middle = fitting + (beyond - fitting) / 2;
            if (Fits(middle)) fitting = middle;
            else beyond = middle;
        }

        return fitting;

        bool Fits(int blocks)
        {
            var search = new ReplicaSearch(CostsOf(request, blocks), FullLoad);
            return request.Replicas is > 1 and int replicas ? search.Best(replicas) is not null : search.FitsOnce();
        }
    }

    /// <summary>More than this do not fit in all memory together, or would have no request each.</summary>
    private static int MostReplicas(PlanningRequest request, int blocks)
    {
        double each = request.Model.WeightBytes * request.Silos.Min(silo => silo.WeightFactor) + (double)request.Model.KvBytesPerBlock * blocks;
        double all = request.Silos.Sum(silo => (double)silo.MemoryBytes);
        return (int)Math.Clamp(all / each, 1, Math.Min(FullLoad, request.Silos.Count));
    }

    /// <summary>All small numbers up to <paramref name="most"/>, and some of the greater.</summary>
    private static IEnumerable<int> ReplicaCounts(int most)
    {
        for (int count = 1; count <= most; count += Math.Max(1, count / 4)) yield return count;
    }

    private static InsufficientMemoryException Refusal(PlanningRequest request, int blocks)
    {
        ModelShape model = request.Model;
        long tokens = (long)blocks * StepBatch.BlockSize;
        UInt128 cache = (UInt128)model.KvBytesPerBlock * (UInt128)blocks;
        if (request.Replicas > request.Silos.Count)
            return new InsufficientMemoryException($"replicas: expected at most {request.Silos.Count}, one for each silo, found {request.Replicas}");
        string replicas = request.Replicas is > 1 and int count ? $"{count} times " : "";
        Int128 found = request.Silos.Aggregate(Int128.Zero, (sum, silo) => sum + silo.MemoryBytes);
        string silos = string.Join(", ", request.Silos.Take(SilosNamed).Select(silo => $"{silo.Name} has {silo.MemoryBytes:N0}"));
        if (request.Silos.Count > SilosNamed) silos += $", and there are {request.Silos.Count - SilosNamed} others";
        return new InsufficientMemoryException(
            $"memory: expected at least {replicas}{(UInt128)model.WeightBytes + cache:N0} bytes ({model.WeightBytes:N0} for weights, {cache:N0} for {tokens:N0} tokens of KV cache; " +
            $"a layer, up to {model.Layers.Max(layer => layer.WeightBytes + (Int128)layer.KvBytesPerBlock * blocks):N0}, cannot be divided; {silos}), found {found:N0} free");
    }
}
