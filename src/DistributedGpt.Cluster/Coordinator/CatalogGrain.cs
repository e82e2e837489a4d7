using DistributedGpt.Client;
using DistributedGpt.Engine;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>
/// Which models the cluster is to serve: a durable list, changed by compare-and-swap. A model enters it before it is loaded and
/// leaves it when nothing of it is left, so that whoever reads the list knows of everything that the silos may hold: a load or an
/// unloading that nobody carries on is put in order by <see cref="Wake"/>.
/// </summary>
[KeepAlive, Reentrant]
internal sealed class CatalogGrain(RecordStore records, IClusterMembershipService membership, SiloAgents agents) : Grain, ICatalogControl
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // What this activation is loading and unloading, and which of that at once.
    private readonly Dictionary<string, Task<string?>> _loads = [];
    private readonly Dictionary<string, Task> _unloads = [];
    private readonly HashSet<string> _ending = [];
    private readonly HashSet<Guid> _work = [];
    private readonly CancellationTokenSource _stopping = new();

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => _stopping.CancelAsync();

    public async Task<ModelInfo[]> ListModels()
    {
        ModelInfo?[] infos = await Task.WhenAll((await ReadServedAsync()).Select(entry => Model(entry.Name).GetInfo()));
        return [.. infos.OfType<ModelInfo>().Select(info => info with { TokenizerJson = [] })];
    }

    public async Task<bool> IsReady()
    {
        ModelReport[] models = await Task.WhenAll((await ReadServedAsync()).Select(DescribeAsync));
        return models.Length > 0 && Array.TrueForAll(models, model => Array.Exists(model.Replicas, replica => replica.State.Serves()));
    }

    public async Task<CatalogEntry?> Find(string name) => (await ReadServedAsync()).FirstOrDefault(entry => entry.Name == name);

    public async Task<string?> Load(ModelSpec model)
    {
        var entry = new CatalogEntry(model, ModelState.Loading, model.Replicas ?? ClusterPlanner.FullLoad, "", DateTime.UtcNow);
        CatalogEntry[] entries = await ChangeAsync(entries => entries.Any(other => other.Name == model.Name) ? entries : [.. entries, entry]);
        CatalogEntry present = entries.First(other => other.Name == model.Name);
        if (present.Model != model) return $"{model.Name}: model: a model of that name is {Describe(present.State)}, from {present.Model.Path}";
        if (present.State == ModelState.Serving) return null;
        if (present.State == ModelState.Unloading) return $"{model.Name}: model: it is being unloaded";
        if (!_loads.TryGetValue(model.Name, out Task<string?>? load)) _loads.Add(model.Name, load = LoadAsync(entry));
        return await load;
    }

    public Task<LoadProgress> GetProgress(string name) => Model(name).GetProgress();

    public async Task<bool> Unload(string name, bool now)
    {
        CatalogEntry[] entries = await ChangeAsync(entries =>
            Array.ConvertAll(entries, entry => entry.Name == name && entry.State == ModelState.Serving ? entry with { State = ModelState.Unloading } : entry));
        if (Array.Find(entries, entry => entry.Name == name) is not { State: ModelState.Unloading } entry) return false;
        if (now && _ending.Add(name) && _unloads.ContainsKey(name)) await TryUnloadAsync(entry);
        await UnloadAsync(entry);
        return true;
    }

    public async Task<ModelSpec[]> Wake()
    {
        CatalogEntry[] entries = await ReadAsync();
        foreach (CatalogEntry entry in entries)
        {
            if (entry.State == ModelState.Unloading || (entry.State == ModelState.Loading && !_loads.ContainsKey(entry.Name))) _ = UnloadAsync(entry);
        }

        CatalogEntry[] served = Array.FindAll(entries, entry => entry.State == ModelState.Serving);
        await Task.WhenAll(served.SelectMany(Coordinators).Select(coordinator => coordinator.GetReport()));
        return Array.ConvertAll(served, entry => entry.Model);
    }

    public Task<bool> IsAtWork(Guid work) => Task.FromResult(_work.Contains(work));

    public Task<string?> Drain(string silo, Guid work) => WorkAsync(work, () => DrainAsync(silo));

    public Task<RebalanceReport[]?> Rebalance(string? model, Guid work) => WorkAsync(work, () => RebalanceAsync(model));

    public async Task<RebalanceReport[]> Weigh() => await RebalanceAsync(await ReadServedAsync(), weigh: true);

    public async Task<RebalanceReport> RebalanceReplica(string model, int replica) => await Find(model) is { } entry && replica < entry.Replicas
        ? await RebalanceAsync(entry, replica, weigh: false)
        : new RebalanceReport(model, replica, [], 0, 0, $"{model}: no model of that name is loaded");

    public async Task<ClusterStatus> GetStatus()
    {
        Task<SiloReport[]> silos = Task.WhenAll(membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status != SiloStatus.Dead)
            .OrderBy(member => member.Name, StringComparer.Ordinal)
            .Select(DescribeAsync));
        Task<ModelReport[]> models = Task.WhenAll((await ReadAsync()).OrderBy(entry => entry.Name, StringComparer.Ordinal).Select(DescribeAsync));
        return new ClusterStatus(await silos, await models);
    }

    private async Task<T> WorkAsync<T>(Guid work, Func<Task<T>> carryOut)
    {
        _work.Add(work);
        try
        {
            return await carryOut();
        }
        finally
        {
            _work.Remove(work);
        }
    }

    private async Task<string?> DrainAsync(string silo)
    {
        ClusterMember? member = membership.CurrentSnapshot.Members.Values.FirstOrDefault(member => member.Name == silo && member.Status == SiloStatus.Active);
        if (member is null) return $"{silo}: silo: there is no silo of that name";
        await agents[member.SiloAddress].Leave();
        List<string> errors = [];

        // One after the other: each must find the memory that those before it have taken.
        foreach (ICoordinatorControl coordinator in (await ReadAsync()).SelectMany(Coordinators))
        {
            if (await AskAsync(() => coordinator.Drain(member.SiloAddress), lost => $"{coordinator.GetPrimaryKeyString()}: {lost}") is { } error) errors.Add(error);
        }

        return errors.Count > 0 ? string.Join("; ", errors) : null;
    }

    private async Task<RebalanceReport[]?> RebalanceAsync(string? model)
    {
        CatalogEntry[] entries = Array.FindAll(await ReadServedAsync(), entry => model is null || entry.Name == model);
        if (model is not null && entries.Length == 0) return null;
        return await RebalanceAsync(entries, weigh: false);
    }

    /// <summary>What a coordinator answers, or what is to be said where it was lost with its silo.</summary>
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask, Func<string, T> lost)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException)
        {
            return lost("its coordinator was lost meanwhile: ask again");
        }
    }

    /// <summary>One after the other, since each must know where the others are.</summary>
    private async Task<RebalanceReport[]> RebalanceAsync(CatalogEntry[] entries, bool weigh)
    {
        List<RebalanceReport> reports = [];
        foreach (CatalogEntry entry in entries)
        {
            for (int replica = 0; replica < entry.Replicas; replica++) reports.Add(await RebalanceAsync(entry, replica, weigh));
        }

        return [.. reports];
    }

    /// <summary>Where the other replicas of its model are not: together they are to be faster, not each by itself.</summary>
    private async Task<RebalanceReport> RebalanceAsync(CatalogEntry entry, int replica, bool weigh)
    {
        ICoordinatorControl[] coordinators = [.. Coordinators(entry)];
        ReplicaReport?[] replicas = await Task.WhenAll(coordinators.Select(coordinator => coordinator.GetReport()));
        IEnumerable<string> own = SilosOf(replicas[replica]), others = replicas.Where((_, other) => other != replica).SelectMany(SilosOf);
        return await AskAsync(
            () => coordinators[replica].Rebalance([.. others.Except(own)], weigh),
            lost => new RebalanceReport(entry.Name, replica, [], 0, 0, $"{entry.Name}/{replica}: {lost}"));

        static IEnumerable<string> SilosOf(ReplicaReport? replica) => replica is null ? [] : replica.Stages.Select(stage => stage.Silo);
    }

    private async Task<string?> LoadAsync(CatalogEntry entry)
    {
        string? error;
        try
        {
            (CatalogEntry? loaded, error) = await Model(entry.Name).Load(entry.Model);
            if (loaded is not null)
            {
                await ChangeAsync(entries => Array.ConvertAll(entries, other => other.Name == entry.Name ? loaded : other));
                return null;
            }

            await ChangeAsync(entries => [.. entries.Where(other => other.Name != entry.Name)]);
            return error;
        }
        catch (Exception e)
        {
            await UnloadAsync(entry);
            return $"{entry.Name}: model: its load was cut short: {e.Message}";
        }
        finally
        {
            _loads.Remove(entry.Name);
        }
    }

    /// <summary>Takes a model off the silos, whatever becomes of them meanwhile, and then out of the catalog.</summary>
    private async Task UnloadAsync(CatalogEntry entry)
    {
        if (!_unloads.TryGetValue(entry.Name, out Task? unload)) _unloads.Add(entry.Name, unload = CarryOutAsync());
        await unload;

        async Task CarryOutAsync()
        {
            await Task.Yield();
            try
            {
                while (!await TryUnloadAsync(entry)) await Task.Delay(Patience, _stopping.Token);
                await ChangeAsync(entries => [.. entries.Where(other => other.Name != entry.Name)]);
            }
            finally
            {
                _ending.Remove(entry.Name);
                _unloads.Remove(entry.Name);
            }
        }
    }

    /// <summary>False where a silo was lost meanwhile: its coordinators are made anew and must be told again.</summary>
    private async Task<bool> TryUnloadAsync(CatalogEntry entry)
    {
        try
        {
            await Model(entry.Name).Unload(entry.Replicas, entry.State == ModelState.Loading || _ending.Contains(entry.Name));
            return true;
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException)
        {
            return false;
        }
    }

    private IModelControl Model(string name) => GrainFactory.GetGrain<IModelControl>(name);

    private IEnumerable<ICoordinatorControl> Coordinators(CatalogEntry entry) => Enumerable.Range(0, entry.Replicas)
        .Select(replica => GrainFactory.GetGrain<ICoordinatorControl>(new ReplicaKey(entry.Name, replica).ToString()));

    private async Task<SiloReport> DescribeAsync(ClusterMember member)
    {
        var report = new SiloReport(member.Name, member.SiloAddress.ToString(), member.Status.ToString());
        return await agents.FindCapacityAsync(member.SiloAddress) is not { } capacity
            ? report
            : report with { Device = capacity.Device, MemoryLimit = capacity.MemoryLimit, ReservedBytes = capacity.ReservedBytes };
    }

    /// <summary>A model that does not answer must not keep the others from being seen.</summary>
    private async Task<ModelReport> DescribeAsync(CatalogEntry entry)
    {
        try
        {
            return await Model(entry.Name).GetReport(entry);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return new ModelReport(entry.Name, entry.Model.Path, entry.State, entry.State == ModelState.Loading ? 0 : entry.Replicas, []);
        }
    }

    private static string Describe(ModelState state) => state switch
    {
        ModelState.Loading => "being loaded",
        ModelState.Unloading => "being unloaded",
        _ => "loaded",
    };

    private async Task<CatalogEntry[]> ReadServedAsync() => Array.FindAll(await ReadAsync(), entry => entry.State == ModelState.Serving);

    private async Task<CatalogEntry[]> ReadAsync() => (await records.ReadAsync<CatalogRecord>(CatalogRecord.Name)).Value?.Models ?? [];

    /// <returns>The entries after the change.</returns>
    private async Task<CatalogEntry[]> ChangeAsync(Func<CatalogEntry[], CatalogEntry[]> change)
    {
        while (true)
        {
            StoredRecord<CatalogRecord> record = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
            CatalogEntry[] before = record.Value?.Models ?? [], after = change(before);
            if (after == before || await records.TryWriteAsync(record, new CatalogRecord(after))) return after;
        }
    }
}
