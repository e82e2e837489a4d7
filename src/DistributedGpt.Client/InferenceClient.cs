using System.Collections.Concurrent;

namespace DistributedGpt.Client;

/// <summary>A cluster by way of an Orleans client, whether that is connected from outside or belongs to a silo of this process.</summary>
/// <param name="orleans">The client.</param>
public sealed class InferenceClient(IClusterClient orleans) : IInferenceClient, IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, ServedModel> _models = new();
    private readonly ConcurrentDictionary<string, Subscription> _subscriptions = new();

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ModelInfo>> ListModelsAsync(CancellationToken cancellationToken = default)
    {
        ModelInfo[] models = await IdempotentCall.RepeatAsync(orleans.GetGrain<ICatalogGrain>(0).ListModels, cancellationToken);
        Array.Sort(models, (a, b) => string.CompareOrdinal(a.Name, b.Name));
        return models;
    }

    /// <inheritdoc/>
    public Task<bool> IsReadyAsync(CancellationToken cancellationToken = default) =>
        orleans.GetGrain<ICatalogGrain>(0).IsReady().WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<IServedModel?> FindModelAsync(string name, CancellationToken cancellationToken = default)
    {
        if (name.Length == 0) return null;
        IModelGrain grain = orleans.GetGrain<IModelGrain>(name);
        if (await IdempotentCall.RepeatAsync(grain.GetFingerprint, cancellationToken) is not { } fingerprint) return null;
        if (_models.TryGetValue(name, out ServedModel? known) && known.Info.Fingerprint == fingerprint) return known;
        return await IdempotentCall.RepeatAsync(grain.GetInfo, cancellationToken) is { } info ? _models[name] = new ServedModel(info, grain, Subscribe) : null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Subscription subscription in _subscriptions.Values) await subscription.DisposeAsync();
    }

    private Subscription Subscribe(string coordinator) =>
        _subscriptions.GetOrAdd(coordinator, key => new Subscription(key, orleans.GetGrain<ICoordinatorGrain>(key)));
}
