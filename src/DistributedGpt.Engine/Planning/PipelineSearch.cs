namespace DistributedGpt.Engine;

/// <summary>
/// Finds the division of one replica that is fastest under a load, on any of the silos that it may use: for each number of stages the
/// one whose slowest stage is fastest, and of these the best. Exact for equal layers and links, and for few silos, as long as there
/// are as many requests as stages: then the slowest stage alone decides.
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
    /// <param name="requests">The load: so many requests at once.</param>
    /// <returns>Null where memory is short.</returns>
    public Pipeline? Best(IReadOnlyList<int> silos, double requests)
    {
        Pipeline? best = null;
        if (_equal is not null)
        {
            foreach (int stages in StageCounts(Math.Min(silos.Count, _costs.LayerCount))) Try(silos, stages);
        }
        else
        {
            // Of many, the largest few are tried in every way: where memory is short, no guess is as good.
            if (silos.Count > FewSilos) best = new ManySiloSearch(_costs, FewSilos).Best(silos, requests);
            foreach (int[] some in Subsets([.. silos.OrderByDescending(silo => _costs.Silos[silo].MemoryBytes).Take(FewSilos)])) Try(some, some.Length);
        }

        return best;

        void Try(IReadOnlyList<int> some, int stages)
        {
            if (Find(some, stages, requests, best) is { } found && found.IsBetterThan(best)) best = found;
        }
    }

    /// <summary>
    /// A good division, for one of many replicas: where layers or links differ, choices and orders are tried out only if no division is found without.
    /// </summary>
    public Pipeline? Good(IReadOnlyList<int> silos, double requests) =>
        (_equal is null ? new ManySiloSearch(_costs, orderedStages: 1).Best(silos, requests) : null) ?? Best(silos, requests);

    /// <summary>The best division that uses all of these silos, at most eight where layers or links differ.</summary>
    public Pipeline? UsingAll(IReadOnlyList<int> silos, double requests) => Find(silos, silos.Count, requests, null);

    /// <summary>Whether memory suffices for one replica.</summary>
    public bool Fits(IReadOnlyList<int> silos, double requests)
    {
        LayerShape[] layers = _costs.Model.Layers;
        var largest = new LayerShape(layers.Max(layer => layer.WeightBytes), layers.Max(layer => layer.KvBytesPerBlock));
        bool fitsIfAllAreLargest = new EqualLayerSearch(_costs.Uniform(largest)).LayersThatFit(silos) >= _costs.LayerCount;
        return fitsIfAllAreLargest || (_equal is null && Best(silos, requests) is not null);
    }

    /// <summary>All subsets but the empty one.</summary>
    public static IEnumerable<int[]> Subsets(IReadOnlyList<int> silos) =>
        Enumerable.Range(1, (1 << silos.Count) - 1).Select(mask => silos.Where((_, i) => (mask >> i & 1) != 0).ToArray());

    /// <summary>All numbers up to <paramref name="most"/>: some of each size first, so that what they are worth rules out others without a search.</summary>
    private static IEnumerable<int> StageCounts(int most) =>
        Enumerable.Range(0, 31).Select(i => 1 << i).TakeWhile(count => count <= most).Concat(Enumerable.Range(1, most).Where(count => !System.Numerics.BitOperations.IsPow2(count)));

    private Pipeline? Find(IReadOnlyList<int> silos, int stages, double requests, Pipeline? toBeat)
    {
        if (stages > _costs.LayerCount) return null;
        double tokens = Math.Max(1, requests / stages);
        double atMost = Pipeline.SlowestToBeat(toBeat, requests, stages);

        // Beyond one stage for each request a longer pass is all that more stages bring.
        if (_equal is not null && stages > requests && _equal.LeastPass(silos, stages, tokens) > Pipeline.PassToBeat(toBeat, requests)) return null;
        StagePlan? plan = _equal is null ? new OrderSearch(_costs, silos, tokens).Find(atMost) : _equal.Find(silos, stages, tokens, atMost);
        return plan is null ? null : new Pipeline(_costs, plan, requests);
    }
}
