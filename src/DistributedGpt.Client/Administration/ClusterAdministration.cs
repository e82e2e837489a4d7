using System.Diagnostics;

namespace DistributedGpt.Client;

/// <summary>The administration of a cluster by way of an Orleans client.</summary>
/// <param name="orleans">The client.</param>
public sealed class ClusterAdministration(IClusterClient orleans) : IClusterAdministration
{
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>A client's call is not failed when the silo that works on it is lost: so it asks, and so long no word may come.</summary>
    private static readonly TimeSpan AskInterval = TimeSpan.FromSeconds(1), Patience = TimeSpan.FromSeconds(10);

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
        if (await WatchAsync(work => Catalog.Drain(silo, work), lost => new DrainException(lost), cancellationToken) is { } error) throw new DrainException(error);
    }

    /// <inheritdoc/>
    public async Task<RebalanceReport[]> RebalanceAsync(string? model = null, CancellationToken cancellationToken = default) =>
        await WatchAsync(work => Catalog.Rebalance(model, work), lost => new RebalanceException(lost), cancellationToken)
        ?? throw new RebalanceException($"{model}: no model of that name is loaded");

    /// <inheritdoc/>
    public Task<ClusterStatus> GetStatusAsync(CancellationToken cancellationToken = default) => Catalog.GetStatus().WaitAsync(cancellationToken);

    private async Task<T> WatchAsync<T>(Func<Guid, Task<T>> begin, Func<string, Exception> lost, CancellationToken cancellationToken)
    {
        var work = Guid.NewGuid();
        Task<T> call = begin(work);
        long heard = Stopwatch.GetTimestamp();
        while (await Task.WhenAny(call, Task.Delay(AskInterval, cancellationToken)) != call)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (await IsAtWorkAsync(work)) heard = Stopwatch.GetTimestamp();
            else if (Stopwatch.GetElapsedTime(heard) > Patience) throw lost("the silo that worked on it was lost, or does not answer: what has moved stays moved; see the status, and ask again");
        }

        return await call;
    }

    private async Task<bool> IsAtWorkAsync(Guid work)
    {
        try
        {
            return await Catalog.IsAtWork(work);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return false;
        }
    }
}
