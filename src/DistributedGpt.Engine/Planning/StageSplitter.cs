namespace DistributedGpt.Engine;

/// <summary>Cuts a model of equal layers into stages for silos of equal strength.</summary>
public static class StageSplitter
{
    /// <summary>
    /// Spreads layers over silos so that the heaviest stage is as light as can be; with more silos than layers the last silos get
    /// nothing. The embedding goes with the first layers, the head with the last.
    /// </summary>
    /// <param name="layers">Layers, at least one.</param>
    /// <param name="silos">Silos, at least one.</param>
    /// <param name="embeddingWeight">What the embedding costs, in layers.</param>
    /// <param name="headWeight">What the head costs, in layers.</param>
    public static StagePlan Split(int layers, int silos, double embeddingWeight = 0, double headWeight = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(silos, 1);
        int stages = Math.Min(layers, silos);
        var counts = new int[stages];
        var loads = new double[stages];
        loads[0] += embeddingWeight;
        loads[^1] += headWeight;
        for (int stage = 0; stage < stages; stage++)
        {
            counts[stage] = 1;
            loads[stage]++;
        }
        // Layers are alike, so giving each to the lightest stage is optimal.
        for (int layer = stages; layer < layers; layer++)
        {
            int lightest = Array.IndexOf(loads, loads.Min());
            counts[lightest]++;
            loads[lightest]++;
        }
        var plan = new PlanStage[stages];
        int first = 0;
        for (int stage = 0; stage < stages; stage++)
        {
            plan[stage] = new PlanStage(stage, first, counts[stage], stage == 0, stage == stages - 1);
            first += counts[stage];
        }
        return new StagePlan(plan);
    }
}
