using Spectre.Console;

namespace DistributedGpt.Cli;

/// <summary>A plan as tables.</summary>
internal static class PlanView
{
    /// <summary>Writes the tables.</summary>
    public static void Write(PlanJson plan)
    {
        IAnsiConsole console = Report.CreateConsole();
        for (int i = 0; i < plan.Replicas.Length; i++)
        {
            string title = $"{Markup.Escape(plan.ModelType)}, {plan.LayerCount} layers, {Report.Bytes(plan.WeightBytes)} of weights, KV cache of {plan.KvTokens:N0} tokens" +
                (plan.Replicas.Length > 1 ? $": replica {i}" : "");
            var table = Report.CreateTable(
                title, "stage", "layers", "silo", "device", "with", "weights", "KV cache", "border log", "memory used", "of", $"ms a step at {plan.PlannedRequests} requests");
            PlanStageJson[] stages = plan.Replicas[i].Stages;
            for (int s = 0; s < stages.Length; s++)
            {
                PlanStageJson stage = stages[s];
                table.AddRow(
                    $"{s}", $"{stage.FirstLayer} to {stage.FirstLayer + stage.LayerCount - 1}", Markup.Escape(stage.Silo), Markup.Escape(stage.Device), With(stage),
                    Report.Bytes(stage.WeightBytes), Report.Bytes(stage.KvBytes), Report.Bytes(stage.BorderLogBytes), Report.Bytes(stage.UsedBytes), Report.Bytes(stage.MemoryBytes),
                    $"{stage.StepMilliseconds:N3}");
            }

            console.Write(table);
        }

        if (plan.LeftOut.Length > 0) console.MarkupLineInterpolated($"left out, since the plan is no faster with them: {string.Join(", ", plan.LeftOut)}");
        Table speeds = Report.CreateTable("predicted speed", "requests at once", "tokens/s", "tokens/s each", "why not more");
        speeds.Columns[^1].LeftAligned();
        foreach (var prediction in plan.Predictions)
            speeds.AddRow($"{prediction.Requests}", $"{prediction.TokensPerSecond:N2}", $"{prediction.TokensPerSecond / prediction.Requests:N2}", Markup.Escape(prediction.Why));
        console.Write(speeds);
    }

    private static string With(PlanStageJson stage) => (stage.Embedding, stage.Head) switch { (true, true) => "embedding, head", (true, _) => "embedding", (_, true) => "head", _ => "" };
}
