namespace DistributedGpt.Engine;

/// <summary>
/// Divides unlike layers, or over unlike links, where there are too many silos to try them all: silos are chosen as if layers and
/// links were alike, put in the best order, or where that are many in one with short ways, and the layers cut for it. A heuristic.
/// </summary>
/// <param name="costs">The costs.</param>
/// <param name="orderedStages">Up to so many stages every order of the chosen silos is tried.</param>
internal sealed class ManySiloSearch(StageCosts costs, int orderedStages)
{
    /// <summary>The best division found; null where none fits in memory.</summary>
    public Pipeline? Best(IReadOnlyList<int> silos, double requests)
    {
        // What fits if every layer is as large as the largest fits for certain; means use the silos better.
        LayerShape[] layers = costs.Model.Layers;
        double work = layers.Average(layer => layer.Work);
        var mean = new LayerShape((long)layers.Average(layer => layer.WeightBytes), (long)layers.Average(layer => layer.KvBytesPerBlock), work);
        var largest = new LayerShape(layers.Max(layer => layer.WeightBytes), layers.Max(layer => layer.KvBytesPerBlock), work);
        Pipeline? best = null;
        foreach (LayerShape alike in new[] { mean, largest }.Distinct())
        {
            var search = new EqualLayerSearch(costs.Uniform(alike));
            for (int stages = 1; stages <= Math.Min(silos.Count, costs.LayerCount); stages += Math.Max(1, stages / 8))
            {
                double tokens = Math.Max(1, requests / stages);
                if (search.Find(silos, stages, tokens, double.MaxValue) is not { } rough) continue;
                double atMost = Pipeline.SlowestToBeat(best, requests, stages);
                StagePlan? plan = stages <= orderedStages
                    ? new OrderSearch(costs, [.. rough.Stages.Select(stage => stage.Silo)], tokens).Find(atMost)
                    : Cut(ShortWays(rough, tokens), tokens, atMost);
                if (plan is null) continue;
                var found = new Pipeline(costs, plan, requests);
                if (found.IsBetterThan(best)) best = found;
            }
        }

        return best;
    }

    /// <summary>The silos of a plan, each followed by the nearest of the rest; first and last stay.</summary>
    private List<int> ShortWays(StagePlan plan, double tokens)
    {
        List<PlanStage> rest = [.. plan.Stages[1..Math.Max(1, plan.Stages.Length - 1)]];
        List<int> order = [plan.Stages[0].Silo];
        PlanStage last = plan.Stages[0];
        while (rest.Count > 0)
        {
            last = rest.MinBy(stage => costs.HopMilliseconds(last with { Head = false }, stage.Silo, tokens))!;
            rest.Remove(last);
            order.Add(last.Silo);
        }

        if (plan.Stages.Length > 1) order.Add(plan.Stages[^1].Silo);
        return order;
    }

    private StagePlan? Cut(List<int> order, double tokens, double atMost) => Bisection.Find(
        atMost, bound => Fill(order, tokens, bound), plan => new PipelineSpeed(costs, plan, tokens * order.Count).SlowestMilliseconds);

    /// <summary>Gives each stage as many layers as the bound allows, and leaves one for each that follows.</summary>
    private StagePlan? Fill(List<int> order, double tokens, double bound)
    {
        var stages = new PlanStage[order.Count];
        int start = 0;
        for (int i = 0; i < stages.Length; i++)
        {
            bool head = i == stages.Length - 1;
            int limit = costs.LayerCount - (stages.Length - 1 - i), end = head ? limit : start + 1;
            PlanStage Stage(int end) => new(order[i], start, end - start, i == 0, head);
            bool IsWithin(PlanStage stage) => costs.Fits(stage) &&
                costs.ComputeMilliseconds(stage, tokens) + costs.HopMilliseconds(stage, head ? null : order[i + 1], tokens) <= bound;
            if (end > limit || !IsWithin(Stage(end))) return null;
            while (end < limit && IsWithin(Stage(end + 1))) end++;
            stages[i] = Stage(end);
            start = end;
        }

        return new StagePlan(stages);
    }
}
