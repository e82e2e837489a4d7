using DistributedGpt.Cluster;

namespace DistributedGpt.Cli;

/// <summary>Starts the cluster in this process, telling a terminal how far the loading is.</summary>
internal static class EmbeddedClusterStart
{
    /// <summary>Starts it.</summary>
    public static async Task<EmbeddedCluster> RunAsync(EmbeddedClusterOptions options, CancellationToken cancellationToken)
    {
        using var line = new ProgressLine();
        return await EmbeddedCluster.StartAsync(options, new LoadReport(line), cancellationToken);
    }
}
