using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>Shows how much of a model is loaded.</summary>
/// <param name="line">Where.</param>
internal sealed class LoadReport(ProgressLine line) : IProgress<LoadProgress>
{
    /// <inheritdoc/>
    public void Report(LoadProgress value)
    {
        if (value.TotalBytes > 0)
            line.Show($"loading the model: {value.LoadedBytes / 1e6:N0} of {value.TotalBytes / 1e6:N0} MB, {100 * value.LoadedBytes / value.TotalBytes} %");
    }
}
