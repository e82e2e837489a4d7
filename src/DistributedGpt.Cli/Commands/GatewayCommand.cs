using System.CommandLine;
using DistributedGpt.Client;
using DistributedGpt.Gateway;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt gateway</c>: HTTP and gRPC in front of a cluster of other processes.</summary>
internal static class GatewayCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        var access = new ClusterAccessOptions();
        var listening = new GatewayListening();
        var command = new Command("gateway", "Serve the models of a cluster over HTTP (OpenAI's API) and gRPC.");
        access.AddTo(command);
        command.Add(SharedOptions.Config());
        listening.AddTo(command);
        command.SetAction(result => RunAsync(access.Read(result), listening.Read(result, result.GetValue(logLevel))));
        return command;
    }

    private static Task<int> RunAsync(ClusterAccess access, GatewayOptions options) => TerminationSignals.RunAsync(async signals =>
    {
        using IDisposable? telemetry = TelemetryExport.Start("dgpt-gateway", Environment.MachineName);
        await using ClusterConnection connection = await ClusterConnection.OpenAsync(access.Address, access.Credentials, options.LogLevel, signals.Requested);
        await GatewayListening.ServeAsync(connection.Client, options, $"cluster {access.Address.Name}", signals);
    });
}
