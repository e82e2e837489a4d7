using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>
/// A model: what clients must know of it, and which of its replicas serves a request. An activation made anew reads the folder
/// again, by the catalog's entry.
/// </summary>
[KeepAlive, Reentrant]
internal sealed class ModelGrain(SiloStore store, FingerprintCache fingerprints) : Grain, IModelControl
{
    private ModelInfo? _info;
    private bool _loading;

    private string Name => this.GetPrimaryKeyString();

    public async Task<(CatalogEntry? Entry, string? Error)> Load(ModelSpec model)
    {
        _loading = true;
        try
        {
            var entry = new CatalogEntry(model, await fingerprints.GetAsync(model.Path), DateTime.UtcNow);
            ModelInfo info = await DescribeAsync(entry);
            if (await Coordinator.Load(model) is { } error) return (null, error);
            _info = info;
            return (entry, null);
        }
        catch (Exception e) when (e is ModelFormatException or IOException or UnauthorizedAccessException)
        {
            return (null, e.Message);
        }
        finally
        {
            _loading = false;
        }
    }

    public async Task Unload(bool now)
    {
        _info = null;
        await Coordinator.Unload(now);
    }

    public async Task<string?> GetFingerprint() => (await GetInfo())?.Fingerprint;

    public async Task<ModelInfo?> GetInfo()
    {
        if (_info is not null) return _info;
        if (await GrainFactory.GetGrain<ICatalogControl>(0).Find(Name) is { } entry) return _info = await DescribeAsync(entry);

        // Any name that a client makes up ends here; it must not leave an activation behind.
        if (!_loading) DeactivateOnIdle();
        return null;
    }

    public async Task<bool> IsReady() => await Coordinator.GetReport() is { State: CoordinatorState.Running };

    public Task<string> Route(int promptTokens) => Task.FromResult(new ReplicaKey(Name, 0).ToString());

    private ICoordinatorControl Coordinator => GrainFactory.GetGrain<ICoordinatorControl>(new ReplicaKey(Name, 0).ToString());

    private async Task<ModelInfo> DescribeAsync(CatalogEntry entry)
    {
        ModelSpec model = entry.Model;
        ModelFolder folder = store.Folder(model.Path);
        GenerationDefaults defaults = folder.Generation;
        bool samples = defaults.DoSample == true;
        return new ModelInfo
        {
            Name = model.Name,
            Created = entry.Created,
            ContextLength = folder.Config.ContextLength,
            VocabularySize = folder.Config.VocabularySize,
            EosTokenIds = [.. defaults.StopTokenIds],
            Fingerprint = entry.Fingerprint,
            DefaultTemperature = samples ? (float?)defaults.Temperature : null,
            DefaultTopK = samples ? defaults.TopK : null,
            DefaultTopP = samples ? (float?)defaults.TopP : null,
            DefaultMinP = samples ? (float?)defaults.MinP : null,
            DefaultRepetitionPenalty = (float?)defaults.RepetitionPenalty,
            TokenizerJson = folder.ReadTokenizerFile(),
        };
    }
}
