using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>
/// A model: what clients must know of it, its replicas, and which of them serves a request. An activation made anew reads the
/// folder again, by the catalog's entry, and hears from the replicas how they are.
/// </summary>
[KeepAlive, Reentrant]
internal sealed class ModelGrain(SiloStore store, FingerprintCache fingerprints, LivingSilos silos, SiloAgents agents) : Grain, IModelControl
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private ModelInfo? _info;
    private ReplicaRouter? _router;
    private ModelPlan? _plan;
    private int _changes;

    private string Name => this.GetPrimaryKeyString();

    public async Task<(CatalogEntry? Entry, string? Error)> Load(ModelSpec model)
    {
        _changes++;
        try
        {
            ModelFolder folder = store.CurrentFolder(model.Path);
            string fingerprint = await fingerprints.GetAsync(folder);
            _plan = new ModelPlan(folder, model, fingerprint, await silos.GetOffersAsync());
            int replicas = _plan.Replicas.Length;
            var entry = new CatalogEntry(model, ModelState.Serving, replicas, fingerprint, DateTime.UtcNow);
            ModelInfo info = await DescribeAsync(entry);
            string?[] errors = await Task.WhenAll(_plan.Replicas.Select(LoadAsync));
            if (Array.Find(errors, error => error is not null) is { } error)
            {
                await Unload(replicas, now: true);
                return (null, error);
            }

            (_info, _router) = (info, new ReplicaRouter(replicas));
            return (entry, null);
        }
        catch (Exception e) when (e is ModelFormatException or InsufficientMemoryException or IOException or UnauthorizedAccessException)
        {
            return (null, e.Message);
        }
        finally
        {
            _plan = null;
            _changes--;
        }
    }

    public async Task<LoadProgress> GetProgress() => _plan is null ? new LoadProgress([]) : await _plan.GetProgressAsync(agents);

    public async Task Unload(int replicas, bool now)
    {
        _info = null;
        _changes++;
        try
        {
            await Task.WhenAll(Enumerable.Range(0, replicas).Select(index => Coordinator(index).Unload(now)));
        }
        finally
        {
            _router = null;
            _changes--;
        }
    }

    public async Task<string?> GetFingerprint() => (await GetInfo())?.Fingerprint;

    public async Task<ModelInfo?> GetInfo()
    {
        if (_info is not null) return _info;
        if (await FindEntryAsync() is not { } entry) return null;
        return _info = await DescribeAsync(entry);
    }

    public async Task<ModelReport> GetReport(CatalogEntry entry)
    {
        int count = entry.State == ModelState.Loading ? _plan?.Replicas.Length ?? 0 : entry.Replicas;
        ReplicaReport?[] reports = await Task.WhenAll(Enumerable.Range(0, count).Select(GetReportAsync));
        return new ModelReport(Name, entry.Model.Path, entry.State, count, [.. reports.OfType<ReplicaReport>()]);
    }

    public async Task Report(int replica, ReplicaLoad load)
    {
        if (await FindRouterAsync() is { } router && replica < router.Replicas) router.Report(replica, load);
    }

    public async Task<string> Route(BlockHash[] prefixes, int completions, string? avoid)
    {
        int? avoided = avoid is null ? null : ReplicaKey.Parse(avoid).Index;
        return new ReplicaKey(Name, (await FindRouterAsync())?.Route(prefixes, completions, avoided) ?? 0).ToString();
    }

    private Task<string?> LoadAsync(ReplicaRecord record, int replica) =>
        PlacementHint.Give(record.SiloOf(record.Plan.Stages[0]), () => Coordinator(replica).Load(record));

    private ICoordinatorControl Coordinator(int replica) => GrainFactory.GetGrain<ICoordinatorControl>(new ReplicaKey(Name, replica).ToString());

    /// <summary>A coordinator that does not answer must not keep the others from being seen.</summary>
    private async Task<ReplicaReport?> GetReportAsync(int replica)
    {
        try
        {
            return await Coordinator(replica).GetReport().WaitAsync(Patience);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return null;
        }
    }

    private async Task<ReplicaRouter?> FindRouterAsync()
    {
        if (_router is null && await FindEntryAsync() is { } entry) _router ??= new ReplicaRouter(entry.Replicas);
        return _router;
    }

    private async Task<CatalogEntry?> FindEntryAsync()
    {
        CatalogEntry? entry = await GrainFactory.GetGrain<ICatalogControl>(0).Find(Name);

        // Any name that a client makes up ends here; it must not leave an activation behind.
        if (entry is null && _changes == 0) DeactivateOnIdle();
        return entry;
    }

    private async Task<ModelInfo> DescribeAsync(CatalogEntry entry)
    {
        ModelSpec model = entry.Model;
        ModelFolder folder = store.CurrentFolder(model.Path);
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
