namespace DistributedGpt.Engine;

/// <summary>
/// Divides layers of any kind over links of any kind, with every one of a few silos as a stage, so that the slowest stage is as
/// fast as can be: exactly. Within a bound on a stage's time, for each set of silos that the first stages may be on and each silo
/// that may come next, the furthest layer that they reach is all that matters. Bisection finds the least bound that reaches the end.
/// </summary>
internal sealed class OrderSearch(StageCosts costs, IReadOnlyList<int> silos, double tokens)
{
    private readonly int[,] _reached = new int[1 << silos.Count, silos.Count];
    private readonly int[,] _lastOf = new int[1 << silos.Count, silos.Count];

    /// <summary>The best order and division.</summary>
    /// <param name="atMost">A slower stage than this, in milliseconds, is of no use.</param>
    /// <returns>Null where none is as fast, or memory is short.</returns>
    public StagePlan? Find(double atMost) => Bisection.Find(
        atMost, Divide, plan => new PipelineSpeed(costs, plan, tokens * plan.Stages.Length).SlowestMilliseconds);

    private StagePlan? Divide(double bound)
    {
        int all = (1 << silos.Count) - 1;
        for (int set = 1; set < all; set++)
        {
            for (int next = 0; next < silos.Count; next++)
            {
                if ((set >> next & 1) == 0) Reach(set, next, bound);
            }
        }

        for (int last = 0; last < silos.Count; last++)
        {
            int before = all & ~(1 << last), start = before == 0 ? 0 : _reached[before, last];
            if (start >= 0 && IsWithin(bound, silos[last], start, costs.LayerCount, null)) return PlanOf(last, start);
        }

        return null;
    }

    private void Reach(int set, int next, double bound)
    {
        // Each stage that is still to come needs a layer.
        int limit = costs.LayerCount - (silos.Count - System.Numerics.BitOperations.PopCount((uint)set));
        int furthest = -1;
        for (int last = 0; last < silos.Count; last++)
        {
            int before = set & ~(1 << last);
            if (before == set) continue;
            int start = before == 0 ? 0 : _reached[before, last];
            if (start < 0 || start >= limit) continue;
            int end = FurthestEnd(bound, silos[last], start, limit, silos[next]);
            if (end > start && end > furthest) (furthest, _lastOf[set, next]) = (end, last);
        }

        _reached[set, next] = furthest;
    }

    private int FurthestEnd(double bound, int silo, int start, int limit, int next)
    {
        int within = start, beyond = limit + 1;
        while (beyond - within > 1)
        {
            int middle = (within + beyond) / 2;
            if (IsWithin(bound, silo, start, middle, next)) within = middle;
            else beyond = middle;
        }

        return within;
    }

    private bool IsWithin(double bound, int silo, int start, int end, int? next)
    {
        var stage = new PlanStage(silo, start, end - start, start == 0, next is null);
        return costs.Fits(stage) && costs.ComputeMilliseconds(stage, tokens) + costs.HopMilliseconds(stage, next, tokens) <= bound;
    }

    private StagePlan PlanOf(int last, int start)
    {
        var stages = new PlanStage[silos.Count];
        int set = (1 << silos.Count) - 1, end = costs.LayerCount;
        for (int i = stages.Length - 1; i >= 0; i--)
        {
            stages[i] = new PlanStage(silos[last], start, end - start, i == 0, i == stages.Length - 1);
            if (i == 0) break;
            set &= ~(1 << last);
            (end, last) = (start, _lastOf[set, last]);
            int before = set & ~(1 << last);
            start = before == 0 ? 0 : _reached[before, last];
        }

        return new StagePlan(stages);
    }
}
