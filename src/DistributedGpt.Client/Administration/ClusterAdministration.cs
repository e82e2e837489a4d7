namespace DistributedGpt.Client;

/// <summary>The administration of a cluster by way of an Orleans client.</summary>
/// <param name="orleans">The client.</param>
public sealed class ClusterAdministration(IClusterClient orleans) : IClusterAdministration
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    private ICatalogGrain Catalog => orleans.GetGrain<ICatalogGrain>(0);

    /// <inheritdoc/>
    public async Task LoadModelAsync(ModelSpec model, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        Task<string?> load = Catalog.Load(model);
        while (progress is not null && await Task.WhenAny(load, Task.Delay(ProgressInterval, cancellationToken)) != load)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await ReportAsync(progress, model.Name);
        }

        if (await load.WaitAsync(cancellationToken) is { } error) throw new ModelLoadException(error);
    }

    private async Task ReportAsync(IProgress<LoadProgress> progress, string model)
    {
        try
        {
            progress.Report(await Catalog.GetProgress(model));
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // Silos that are busy loading may be late with it; the load itself goes on.
        }
    }

    /// <inheritdoc/>
    public Task<bool> UnloadModelAsync(string name, bool now = false, CancellationToken cancellationToken = default) =>
        Catalog.Unload(name, now).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task DrainSiloAsync(string silo, CancellationToken cancellationToken = default)
    {
        if (await Catalog.Drain(silo).WaitAsync(cancellationToken) is { } error) throw new DrainException(error);
    }

    /// <inheritdoc/>
    public async Task<RebalanceReport[]> RebalanceAsync(string? model = null, CancellationToken cancellationToken = default) =>
        await Catalog.Rebalance(model).WaitAsync(cancellationToken) ?? throw new RebalanceException($"{model}: no model of that name is loaded");

    /// <inheritdoc/>
    public Task<ClusterStatus> GetStatusAsync(CancellationToken cancellationToken = default) => Catalog.GetStatus().WaitAsync(cancellationToken);
}
