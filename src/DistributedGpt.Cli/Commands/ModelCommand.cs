using System.CommandLine;
using DistributedGpt.Client;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt model</c>: which models a cluster of other processes serves.</summary>
internal static class ModelCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel) => new("model", "Load, list and unload the models of a cluster.")
    {
        BuildLoad(logLevel), BuildList(logLevel), BuildUnload(logLevel),
    };

    private static Command BuildLoad(Option<LogLevel?> logLevel)
    {
        var folder = new Argument<string>("DIR") { Description = "The model folder, as the silos see it." };
        var access = new ClusterAccessOptions();
        var name = new Option<string>("--name") { HelpName = "NAME", Description = "The name of the model in requests. Default: that of its folder." };
        Option<int?> kvTokens = SharedOptions.KvTokens();
        Option<TensorType?> kvType = SharedOptions.KvType();
        Option<int?> replicas = SharedOptions.Replicas();
        var command = new Command("load", "Load a model: plan it over the silos that live, and serve it until it is unloaded.") { folder, name, replicas, kvTokens, kvType };
        access.AddTo(command);
        command.SetAction(result =>
        {
            string path = Path.GetFullPath(result.GetRequiredValue(folder));
            var model = new ModelSpec
            {
                Name = result.GetValue(name) ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(path)),
                Path = path,
                KvTokens = result.GetValue(kvTokens),
                KvType = result.GetValue(kvType) ?? TensorType.Float32,
                Replicas = SharedOptions.ReplicasOf(result.GetValue(replicas)),
            };
            return Connected.RunAsync(access.Read(result), result.GetValue(logLevel), async (connection, cancellation) =>
            {
                using var line = new ProgressLine();
                await connection.Administration.LoadModelAsync(model, new LoadReport(line), cancellation);
                line.Dispose();
                Console.WriteLine($"{model.Name} is loaded");
            });
        });
        return command;
    }

    private static Command BuildList(Option<LogLevel?> logLevel)
    {
        var access = new ClusterAccessOptions();
        var command = new Command("list", "List the models.");
        access.AddTo(command);
        command.SetAction(result => Connected.RunAsync(access.Read(result), result.GetValue(logLevel), async (connection, cancellation) =>
        {
            foreach (ModelReport model in (await connection.Administration.GetStatusAsync(cancellation)).Models) Console.WriteLine($"{model.Name}\t{model.Path}");
        }));
        return command;
    }

    private static Command BuildUnload(Option<LogLevel?> logLevel)
    {
        var name = new Argument<string>("NAME") { Description = "The model." };
        var access = new ClusterAccessOptions();
        var now = new Option<bool>("--now") { Description = "End running streams with an error, rather than wait for them." };
        var command = new Command("unload", "Unload a model.") { name, now };
        access.AddTo(command);
        command.SetAction(result => Connected.RunAsync(access.Read(result), result.GetValue(logLevel), async (connection, cancellation) =>
        {
            string model = result.GetRequiredValue(name);
            if (!await connection.Administration.UnloadModelAsync(model, result.GetValue(now), cancellation)) throw new InputException($"{model}: no model of that name is loaded");
            Console.WriteLine($"{model} is unloaded");
        }));
        return command;
    }
}
