using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DistributedGpt.Client;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt rebalance</c>: spreads models over the silos that live now.</summary>
internal static class RebalanceCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        var model = new Argument<string?>("MODEL") { Description = "The model. Default: every model.", Arity = ArgumentArity.ZeroOrOne };
        var access = new ClusterAccessOptions();
        var json = new Option<bool>("--json") { Description = "One JSON array, with an object for each replica." };
        var command = new Command("rebalance", "Plan models anew over the silos that live, and move their layers, while they serve, where that gains enough.") { model, json };
        access.AddTo(command);
        command.SetAction(result => Connected.RunAsync(access.Read(result), result.GetValue(logLevel), async (connection, cancellation) =>
        {
            RebalanceReport[] reports = await connection.Administration.RebalanceAsync(result.GetValue(model), cancellation);
            if (result.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(reports, StatusJsonContext.Default.RebalanceReportArray));
            else foreach (RebalanceReport report in reports) Write(report);
            if (Array.Find(reports, report => report.Error is not null) is { Error: { } error }) throw new InputException(error);
        }));
        return command;
    }

    private static void Write(RebalanceReport report)
    {
        string name = $"{report.Model}/{report.Replica}";
        foreach (MoveReport move in report.Moves) Console.WriteLine($"{name}: {Layers(move)} from {move.From} to {move.To}");
        double gain = report.TokensPerSecondAfter / report.TokensPerSecondBefore - 1;
        string speed = string.Create(CultureInfo.InvariantCulture, $"{report.TokensPerSecondAfter:N0} tokens/s predicted instead of {report.TokensPerSecondBefore:N0} ({100 * gain:+0;-0;+0} %)");
        if (report.Moves.Length > 0) Console.WriteLine($"{name}: {speed}");
        else if (report.Error is null) Console.WriteLine($"{name} stays as it is: {speed}");
    }

    private static string Layers(MoveReport move) => move.LayerCount == 1 ? $"layer {move.FirstLayer}" : $"layers {move.FirstLayer} to {move.FirstLayer + move.LayerCount - 1}";
}
