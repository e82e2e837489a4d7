namespace DistributedGpt.Engine;

/// <summary>
/// Finds the division of one replica that is fastest at full load, on any of the silos that it may use: for each number of stages
/// the one whose slowest stage is fastest, and of these the best. Exact for equal layers and links, and for few silos.
/// </summary>
internal sealed class PipelineSearch
{
    /// <summary>Up to so many silos every choice and order of them is tried.</summary>
    public const int FewSilos = 8;

    private readonly StageCosts _costs;
    private readonly EqualLayerSearch? _equal;

    /// <summary>A search with these costs.</summary>
    public PipelineSearch(StageCosts costs)
    {
        _costs = costs;
        _equal = costs.IsUniform ? new EqualLayerSearch(costs) : null;
    }

    /// <summary>The best division.</summary>
    /// <param name="silos">The silos that may be used; some may be left out.</param>
    /// <param name="requests">The load: so many requests, or one a stage where that is more.</param>
    /// <returns>Null where memory is short.</returns>
    public Pipeline? Best(IReadOnlyList<int> silos, double requests)
    {
        Pipeline? best = null;
        if (_equal is not null)
        {
            for (int stages = 1; stages <= Math.Min(silos.Count, _costs.LayerCount); stages++) Try(silos, stages);
        }
        else if (silos.Count <= FewSilos)
        {
            foreach (int[] some in Subsets(silos)) Try(some, some.Length);
        }
        else
        {
            best = new ManySiloSearch(_costs).Best(silos, requests);
            if (best is not null) foreach (int[] some in Subsets(Heaviest(best.Plan))) Try(some, some.Length);
        }

        return best;

        void Try(IReadOnlyList<int> some, int stages)
        {
            if (Find(some, stages, requests, best) is { } found && found.IsBetterThan(best)) best = found;
        }
    }

    /// <summary>The best division that uses all of these silos, at most eight where layers or links differ.</summary>
    public Pipeline? UsingAll(IReadOnlyList<int> silos, double requests) => Find(silos, silos.Count, requests, null);

    /// <summary>Whether memory suffices for one replica.</summary>
    public bool Fits(IReadOnlyList<int> silos, double requests) =>
        _equal is null ? Best(silos, requests) is not null : _equal.LayersThatFit(silos) >= _costs.LayerCount;

    /// <summary>All subsets but the empty one.</summary>
    public static IEnumerable<int[]> Subsets(IReadOnlyList<int> silos) =>
        Enumerable.Range(1, (1 << silos.Count) - 1).Select(mask => silos.Where((_, i) => (mask >> i & 1) != 0).ToArray());

    private Pipeline? Find(IReadOnlyList<int> silos, int stages, double requests, Pipeline? toBeat)
    {
        if (stages > _costs.LayerCount) return null;
        double tokens = Math.Max(1, requests / stages);
        double atMost = toBeat is null ? double.MaxValue : 1000 * tokens / toBeat.TokensPerSecond * (1 + Pipeline.Tolerance);
        StagePlan? plan = _equal is null ? new OrderSearch(_costs, silos, tokens).Find(atMost) : _equal.Find(silos, stages, tokens, atMost);
        return plan is null ? null : new Pipeline(_costs, plan, requests);
    }

    private static int[] Heaviest(StagePlan plan) => [.. plan.Stages.OrderByDescending(stage => stage.LayerCount).Take(FewSilos).Select(stage => stage.Silo)];
}
