using DistributedGpt.Client;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary>Runs commands that ask a cluster of other processes for something.</summary>
internal static class Connected
{
    /// <summary>Connects, runs the action and gives the exit code.</summary>
    public static async Task<int> RunAsync(ClusterAddress address, LogLevel? logLevel, Func<ClusterConnection, CancellationToken, Task> action)
    {
        using var signals = new TerminationSignals();
        try
        {
            await using ClusterConnection connection = await ClusterConnection.OpenAsync(address, logLevel, signals.Requested);
            await action(connection, signals.Requested);
            return 0;
        }
        catch (OperationCanceledException) when (signals.Requested.IsCancellationRequested)
        {
            return signals.ExitCode;
        }
    }
}
