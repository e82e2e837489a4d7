using System.CommandLine;
using DistributedGpt.Cluster;
using DistributedGpt.Gateway;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt serve</c>: a cluster in this process behind an OpenAI-compatible HTTP interface, and gRPC where asked for.</summary>
internal static class ServeCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        var name = new Option<string>("--name") { HelpName = "NAME", Description = "The name of the model in requests. Default: that of its folder." };
        var listening = new GatewayListening();
        var cluster = new ClusterOptions();
        var command = new Command("serve", "Serve a model over HTTP (OpenAI's API) and gRPC, from a cluster in this process.") { name };
        listening.AddTo(command);
        cluster.AddTo(command);
        command.Add(SharedOptions.Config());
        command.SetAction(result => RunAsync(
            cluster.Read(result, result.GetValue(logLevel)) with { ModelName = result.GetValue(name) },
            listening.Read(result, result.GetValue(logLevel))));
        return command;
    }

    private static Task<int> RunAsync(EmbeddedClusterOptions clusterOptions, GatewayOptions options) => TerminationSignals.RunAsync(async signals =>
    {
        using IDisposable? telemetry = TelemetryExport.Start("dgpt-serve", Environment.MachineName);
        await using EmbeddedCluster cluster = await EmbeddedClusterStart.RunAsync(clusterOptions, signals.Requested);
        string model = (await cluster.Client.ListModelsAsync(signals.Requested)).Single().Name;
        await GatewayListening.ServeAsync(cluster.Client, options, model, signals);
    });
}
