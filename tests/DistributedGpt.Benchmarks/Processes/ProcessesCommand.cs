using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using DistributedGpt.Cli;
using DistributedGpt.Models;
using Spectre.Console;

namespace DistributedGpt.Benchmarks;

/// <summary>
/// <c>processes</c>: what a border between processes costs, and what a pipeline of them gains, on one machine. All arrangements are
/// started at once, each a cluster of its own, and take turns.
/// </summary>
internal static partial class ProcessesCommand
{
    private const int DefaultRounds = 3;

    // Silos claim equal times, so that the plan does not depend on what else the machine did when they started.
    private static readonly Arrangement Whole = new("one process, 2 threads", new Arrangement.Silo(2));
    private static readonly Arrangement Halves = new("two processes, 2 threads each", new Arrangement.Silo(2, LayerMilliseconds: 1), new Arrangement.Silo(2, LayerMilliseconds: 1));
    private static readonly Arrangement Core = new("one process on one core", new Arrangement.Silo(1, Core: 0));
    private static readonly Arrangement Cores = new(
        "two processes on a core each", new Arrangement.Silo(1, Core: 0, LayerMilliseconds: 1), new Arrangement.Silo(1, Core: 1, LayerMilliseconds: 1));

    private static readonly Arrangement SlowThird = new(
        "two, and one ten times as slow",
        new Arrangement.Silo(1, Core: 0, LayerMilliseconds: 1), new Arrangement.Silo(1, Core: 1, LayerMilliseconds: 1), new Arrangement.Silo(1, Core: 0, LayerMilliseconds: 10));

    private static readonly Comparison[] Comparisons =
    [
        new("border, decode", Whole, new Workload(1), Halves, new Workload(1), speed => speed.Decode),
        new("border, prefill", Whole, new Workload(1, PromptTokens: 992, GeneratedTokens: 1), Halves, new Workload(1, PromptTokens: 992, GeneratedTokens: 1), speed => speed.Prefill),
        new("pipeline, decode", Core, new Workload(8), Cores, new Workload(16), speed => speed.Decode),
        new("pipeline, prefill", Core, new Workload(4, PromptTokens: 512, GeneratedTokens: 1), Cores, new Workload(8, PromptTokens: 512, GeneratedTokens: 1), speed => speed.Prefill),
        new("slow third silo, decode", Cores, new Workload(16), SlowThird, new Workload(16), speed => speed.Decode),
    ];

    /// <summary>The command.</summary>
    public static Command Build()
    {
        var shape = new Option<string>("--shape")
        {
            HelpName = "NAME", Description = "The shape of the model, one of " + string.Join(", ", SyntheticShape.All.Keys) + ". Default: tinyllama-1.1b.",
            DefaultValueFactory = _ => "tinyllama-1.1b",
        };
        shape.AcceptOnlyFromAmong([.. SyntheticShape.All.Keys]);
        var rounds = new Option<int?>("--rounds") { HelpName = "N", Description = $"Rounds that count, after one that warms up. Default: {DefaultRounds}.", CustomParser = Values.IntegerIn(1, 1000) };
        var only = new Option<string?>("--only") { HelpName = "WORD", Description = "Only comparisons whose name begins so." };
        var json = new Option<bool>("--json") { Description = "Print JSON instead of a table." };
        var command = new Command("processes", "Compare clusters of processes on this machine: the cost of a border, the gain of a pipeline.") { shape, rounds, only, json };
        command.SetAction(async (result, cancellation) =>
        {
            Comparison[] chosen = Array.FindAll(Comparisons, comparison => comparison.Name.StartsWith(result.GetValue(only) ?? "", StringComparison.Ordinal));
            ComparisonResult[] results = await MeasureAsync(chosen, SyntheticShape.All[result.GetRequiredValue(shape)], result.GetValue(rounds) ?? DefaultRounds, cancellation);
            if (result.GetValue(json)) Console.WriteLine(JsonSerializer.Serialize(results, ResultSerializer.Default.ComparisonResultArray));
            else Write(results);
            return 0;
        });
        return command;
    }

    private static async Task<ComparisonResult[]> MeasureAsync(Comparison[] comparisons, SyntheticShape shape, int count, CancellationToken cancellation)
    {
        using var folder = new SyntheticFolder(shape);
        using (ModelFolder model = ModelFolder.Open(folder.Path))
        {
            foreach (Comparison comparison in comparisons) ServingLoop.ThrowIfTooShort(model, comparison.OtherWork);
        }

        using var redis = new BenchmarkRedis();
        using var line = new ProgressLine();
        Dictionary<Arrangement, ArrangedCluster> clusters = [];
        try
        {
            foreach (Arrangement arrangement in comparisons.SelectMany(comparison => new[] { comparison.Base, comparison.Other }).Distinct())
            {
                line.Show($"starting {arrangement.Name}");
                clusters[arrangement] = await ArrangedCluster.StartAsync(arrangement, redis.Address($"benchmark-{clusters.Count}"), folder.Path, cancellation);
            }

            List<(double Base, double Other)>[] speeds = [.. comparisons.Select(_ => new List<(double, double)>())];
            for (int round = 0; round <= count; round++)
            {
                for (int i = 0; i < comparisons.Length; i++)
                {
                    Comparison comparison = comparisons[i];
                    line.Show($"{comparison.Name}: {(round == 0 ? "warming up" : $"round {round} of {count}")}");
                    // Taking turns in going first: what drifts within a round favours neither.
                    double? before = round % 2 == 0 ? await BaseAsync() : null;
                    double other = comparison.Speed(await clusters[comparison.Other].Loop.RunAsync(comparison.OtherWork, round, cancellation));
                    double basis = before ?? await BaseAsync();
                    if (round > 0) speeds[i].Add((basis, other));

                    async Task<double> BaseAsync() => comparison.Speed(await clusters[comparison.Base].Loop.RunAsync(comparison.BaseWork, round, cancellation));
                }
            }

            line.Dispose();
            foreach (ArrangedCluster cluster in clusters.Values) await Console.Error.WriteLineAsync($"{cluster.Arrangement.Name}: layers on {cluster.Stages}");
            return [.. comparisons.Select((comparison, i) => ComparisonResult.Of(comparison, speeds[i]))];
        }
        finally
        {
            foreach (ArrangedCluster cluster in clusters.Values) await cluster.DisposeAsync();
        }
    }

    private static void Write(ComparisonResult[] results)
    {
        Table table = Report.CreateTable("medians", "tokens per second", "", "", "", "", "ratio");
        foreach (ComparisonResult result in results)
            table.AddRow(result.Name, result.Base, $"{result.BaseTokensPerSecond:F1}", result.Other, $"{result.OtherTokensPerSecond:F1}", $"{result.Ratio:F3}");
        Report.CreateConsole().Write(table);
    }

    [JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
    [JsonSerializable(typeof(ComparisonResult[]))]
    private sealed partial class ResultSerializer : JsonSerializerContext;
}
