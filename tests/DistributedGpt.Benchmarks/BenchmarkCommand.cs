using System.CommandLine;
using DistributedGpt.Cli;
using DistributedGpt.Cluster;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>
/// The benchmark: tokens per second of a model in a plain loop over the kernels and through the cluster, alone and with several
/// requests at once, beside what the machine can do.
/// </summary>
internal static class BenchmarkCommand
{
    private const int DefaultRounds = 5;
    private static readonly Workload[] Workloads = [new(1), new(8)];

    private static readonly ClusterOptions Cluster = new();

    private static readonly Option<string?> Shape = new("--shape")
    {
        Description = "Instead of a model folder, random weights in the shape of a model: " + string.Join(" or ", SyntheticShape.All.Keys) + ".",
        HelpName = "NAME",
        CustomParser = result => SyntheticShape.All.ContainsKey(Values.Text(result))
            ? Values.Text(result)
            : Values.Wrong<string>(result, "one of " + string.Join(", ", SyntheticShape.All.Keys)),
    };

    private static readonly Option<int?> Rounds = new("--rounds")
    {
        Description = $"Rounds that count, after one that warms up. Default: {DefaultRounds}.", HelpName = "N", CustomParser = Values.IntegerIn(1, 1000),
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object instead of a table." };

    /// <summary>Runs with command line options; returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand(
            $"Measures the prefill of {Workloads[0].PromptTokens} tokens and decoding behind them, for {string.Join(" request and for ", Workloads.Select(work => work.Requests))} requests at once: " +
            "in a plain loop over the kernels, compared with what the machine's memory and multiply-add units can do, and through the cluster, " +
            "compared with the plain loop. A round measures all of it in turn; every figure is the median over the rounds.")
        {
            Shape, Rounds, Json, ProcessesCommand.Build(),
        };
        Cluster.AddTo(root);
        root.SetAction(RunAsync);
        try
        {
            // Time enough after Ctrl-C to end the step and remove the folder of a synthetic model.
            return await root.Parse(args).InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
        }
        catch (Exception e) when (e is InputException or ModelFormatException or RequestRefusedException or IOException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return 1;
        }
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellation)
    {
        string? shape = result.GetValue(Shape);
        using SyntheticFolder? synthetic = shape is null ? null : new SyntheticFolder(SyntheticShape.All[shape]);
        EmbeddedClusterOptions options = Cluster.Read(result, null);
        options = options with
        {
            ModelPath = synthetic?.Path ?? options.ModelPath,
            ModelName = shape,
            Threads = options.Threads ?? Environment.ProcessorCount,
        };
        BenchmarkReport report = await MeasureAsync(options, result.GetValue(Rounds) ?? DefaultRounds, cancellation);
        if (result.GetValue(Json)) Console.WriteLine(report.ToJson());
        else BenchmarkTable.Write(report);
        return 0;
    }

    private static async Task<BenchmarkReport> MeasureAsync(EmbeddedClusterOptions options, int count, CancellationToken cancellation)
    {
        using ModelFolder folder = ModelFolder.Open(options.ModelPath);
        ServingLoop.ThrowIfTooShort(folder, Workloads[0]);
        await using EmbeddedCluster cluster = await EmbeddedClusterStart.RunAsync(options, cancellation);
        string name = (await cluster.Client.ListModelsAsync(cancellation)).Single().Name;
        var plain = new PlainLoop(cluster, folder.Config, name);
        var served = new ClusterLoop((await cluster.Client.FindModelAsync(name, cancellation))!);

        using var line = new ProgressLine();
        List<BenchmarkRound> rounds = [];
        for (int round = 0; round <= count; round++)
        {
            line.Show(round == 0 ? "warming up" : $"round {round} of {count}");
            var measured = new BenchmarkRound(MachineSpeed.Measure(options.Threads!.Value));
            foreach (Workload work in Workloads)
            {
                // Taking turns in going first: what drifts within a round favours neither.
                LoopSpeed? first = round % 2 == 0 ? await plain.RunAsync(work, round, cancellation) : null;
                LoopSpeed second = await served.RunAsync(work, round, cancellation);
                measured.Add(work.Requests, first ?? await plain.RunAsync(work, round, cancellation), second);
            }

            if (round > 0) rounds.Add(measured);
        }

        return BenchmarkReport.Of(name, folder.Config, options, rounds);
    }
}
