using DistributedGpt.Client;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary>Runs commands that ask a cluster of other processes for something.</summary>
internal static class Connected
{
    /// <summary>Connects, runs the action and gives the exit code.</summary>
    public static Task<int> RunAsync(ClusterAccess access, LogLevel? logLevel, Func<ClusterConnection, CancellationToken, Task> action) =>
        TerminationSignals.RunAsync(async signals =>
        {
            await using ClusterConnection connection = await ClusterConnection.OpenAsync(access.Address, access.Credentials, logLevel, signals.Requested);
            await action(connection, signals.Requested);
        });
}
