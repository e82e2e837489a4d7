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

    private sealed class LoadReport(ProgressLine line) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value)
        {
            if (value.TotalBytes > 0)
                line.Show($"loading the model: {value.LoadedBytes / 1e6:N0} of {value.TotalBytes / 1e6:N0} MB, {100 * value.LoadedBytes / value.TotalBytes} %");
        }
    }
}
