using System.CommandLine;
using System.Text.Json;
using DistributedGpt.Client;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt status</c>: which layer lives on which silo, memory, blocks, requests and speed.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        var access = new ClusterAccessOptions();
        var watch = new Option<bool>("--watch") { Description = "Show it again every second, until Ctrl-C." };
        var json = new Option<bool>("--json") { Description = "One JSON object, each time on a line of its own." };
        var command = new Command("status", "Show a cluster: its silos, its models, and which layers live where.") { watch, json };
        access.AddTo(command);
        command.SetAction(result => RunAsync(access.Read(result), result.GetValue(watch), result.GetValue(json), result.GetValue(logLevel)));
        return command;
    }

    private static async Task<int> RunAsync(ClusterAccess access, bool watch, bool json, LogLevel? logLevel)
    {
        int exitCode = await Connected.RunAsync(access, logLevel, async (connection, cancellation) =>
        {
            var view = new StatusView();
            while (true)
            {
                ClusterStatus status = await connection.Administration.GetStatusAsync(cancellation);
                if (json) Console.WriteLine(JsonSerializer.Serialize(status, StatusJsonContext.Default.ClusterStatus));
                else view.Write(status);
                if (!watch) return;
                await Task.Delay(WatchInterval, cancellation);
            }
        });

        // A signal is the usual end of watching.
        return watch ? 0 : exitCode;
    }
}
