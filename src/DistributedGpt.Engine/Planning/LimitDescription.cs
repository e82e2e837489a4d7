using System.Globalization;

namespace DistributedGpt.Engine;

/// <summary>Says what keeps a pipeline from being faster.</summary>
internal sealed class LimitDescription(StageCosts costs, StagePlan plan, PipelineSpeed speed)
{
    private const int NamesShown = 4;

    /// <inheritdoc/>
    public override string ToString() =>
        plan.Stages.Length == 1 ? string.Create(CultureInfo.InvariantCulture, $"{Name(0)} computes all layers: {speed.PassMilliseconds:0.###} ms for a step of {speed.TokensPerStep:0.##} tokens")
        : speed.IsPassLimited ? Pass()
        : SlowestStage();

    private string Pass() => string.Create(
        CultureInfo.InvariantCulture,
        $"a token goes through {plan.Stages.Length} stages one after the other, {speed.PassMilliseconds:0.###} ms of which {speed.NetworkMilliseconds:0.###} on the network; {speed.StepsInFlight:0.##} at once do not fill the pipeline");

    private string SlowestStage()
    {
        PlanStage stage = plan.Stages[speed.SlowestStage];
        string parts = (stage.Embedding, stage.Head) switch { (true, _) => " and the embedding", (_, true) => " and the head", _ => "" };
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Name(speed.SlowestStage)} is the slowest stage: {speed.SlowestMilliseconds:0.###} ms for {stage.LayerCount} layers{parts} in a step of {speed.TokensPerStep:0.##} tokens, {speed.SlowestHopMilliseconds:0.###} of which on the network; {Remedy()}");
    }

    private string Remedy()
    {
        if (speed.SlowestHopMilliseconds > speed.SlowestMilliseconds / 2) return "a faster network would help most";
        string[] full = [.. SilosThatLackMemoryAlone()];
        if (full.Length == 0) return "no silo would be done sooner with one layer more";
        string others = full.Length > NamesShown ? $" and {full.Length - NamesShown} others" : "";
        return $"{string.Join(", ", full.Take(NamesShown))}{others} would be done sooner with one layer more, but lack{(full.Length == 1 ? "s" : "")} the memory";
    }

    /// <summary>Those that would still be faster than the slowest stage with one layer more, had they the memory for it.</summary>
    private IEnumerable<string> SilosThatLackMemoryAlone()
    {
        for (int silo = 0; silo < costs.Silos.Count; silo++)
        {
            int index = Array.FindIndex(plan.Stages, stage => stage.Silo == silo);
            if (index == speed.SlowestStage) continue;
            PlanStage stage = index < 0 ? new PlanStage(silo, 0, 0, false, false) : plan.Stages[index];
            int first = Math.Min(stage.FirstLayer, costs.LayerCount - stage.LayerCount - 1);
            PlanStage more = stage with { FirstLayer = first, LayerCount = stage.LayerCount + 1 };
            int? next = stage.Head ? null : index >= 0 ? plan.Stages[index + 1].Silo : plan.Stages[0].Silo;
            double time = costs.ComputeMilliseconds(more, speed.TokensPerStep) + costs.HopMilliseconds(more, next, speed.TokensPerStep);
            if (!costs.Fits(more) && time < speed.SlowestMilliseconds) yield return costs.Silos[silo].Name;
        }
    }

    private string Name(int stage) => costs.Silos[plan.Stages[stage].Silo].Name;
}
