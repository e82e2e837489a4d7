using System.CommandLine;
using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Cluster;
using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt generate</c>: a prompt in, its continuation out.</summary>
internal static class GenerateCommand
{
    /// <summary>Ctrl-C must end the process within a second, whatever it is doing.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(400);

    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        var prompt = new Argument<string>("PROMPT")
        {
            Description = "The text to continue; - reads it from standard input.", Arity = ArgumentArity.ZeroOrOne,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object instead of the text." };
        var cluster = new ClusterOptions();
        var options = new GenerateOptions();
        var command = new Command("generate", "Continue a text.") { prompt };
        cluster.AddTo(command);
        options.AddTo(command);
        command.Add(json);
        command.SetAction(result =>
        {
            CompletionRequest request = options.Read(result);
            request.Validate();
            return RunAsync(request, result.GetValue(prompt) ?? "", cluster.Read(result, result.GetValue(logLevel)), result.GetValue(json));
        });
        return command;
    }

    private static async Task<int> RunAsync(CompletionRequest request, string prompt, EmbeddedClusterOptions options, bool json)
    {
        using var signals = new TerminationSignals(Grace);
        using var output = new StandardOutput();
        try
        {
            if (prompt == "-") prompt = await ReadStandardInputAsync(signals.Requested);
            await using EmbeddedCluster cluster = await EmbeddedClusterStart.RunAsync(options, signals.Requested);
            IServedModel model = await FindModelAsync(cluster);
            GenerateRequest generate = (request with { Prompt = prompt, FillContext = true }).Build(model);
            var printer = json ? null : new TextPrinter(output, generate.Completions);
            GenerationResult result = await GenerateAsync(model, generate, request.Stop, printer, signals.Requested);
            if (json) output.Write(GenerationJson.Write(result) + "\n");
            else if (!printer!.AtLineStart && !Console.IsOutputRedirected && !Console.IsErrorRedirected) Console.Error.WriteLine();
            Console.Error.WriteLine(result.Figures);
            return 0;
        }
        catch (OperationCanceledException) when (signals.Requested.IsCancellationRequested)
        {
            return signals.ExitCode;
        }
        catch (ClosedOutputException)
        {
            return 0;
        }
    }

    private static async Task<GenerationResult> GenerateAsync(
        IServedModel model, GenerateRequest request, IReadOnlyList<string> stop, TextPrinter? printer, CancellationToken cancellationToken)
    {
        GeneratedChoice[] choices = [.. Enumerable.Range(0, request.Completions).Select(_ => new GeneratedChoice())];
        TimeSpan? first = null;
        var watch = Stopwatch.StartNew();
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, stop, cancellationToken))
        {
            first ??= watch.Elapsed;
            choices[chunk.Completion].Add(chunk);
            printer?.Add(chunk);
        }

        TimeSpan total = watch.Elapsed;
        return new GenerationResult(request, model.Info, model.Tokenizer, choices, first ?? total, total);
    }

    private static async Task<IServedModel> FindModelAsync(EmbeddedCluster cluster)
    {
        ModelInfo info = (await cluster.Client.ListModelsAsync()).Single();
        return await cluster.Client.FindModelAsync(info.Name) ?? throw new InvalidOperationException($"{info.Name} was loaded and is gone");
    }

    private static async Task<string> ReadStandardInputAsync(CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(Console.OpenStandardInput(), System.Text.Encoding.UTF8);
        return await reader.ReadToEndAsync(cancellationToken);
    }
}
