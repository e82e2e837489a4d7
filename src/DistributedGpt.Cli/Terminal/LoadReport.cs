using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>Shows how much of a model is loaded, in all and on each silo.</summary>
/// <param name="line">Where.</param>
internal sealed class LoadReport(ProgressLine line) : IProgress<LoadProgress>
{
    private const int SilosShown = 6;

    /// <inheritdoc/>
    public void Report(LoadProgress value)
    {
        if (value.TotalBytes == 0) return;
        string text = $"loading the model: {value.LoadedBytes / 1e6:N0} of {value.TotalBytes / 1e6:N0} MB, {100 * value.LoadedBytes / value.TotalBytes} %";
        if (value.Silos.Length > 1) text += $" ({string.Join(", ", value.Silos.Take(SilosShown).Select(silo => $"{silo.Silo} {100 * silo.LoadedBytes / silo.TotalBytes} %"))}{(value.Silos.Length > SilosShown ? ", ..." : "")})";
        line.Show(text);
    }
}
