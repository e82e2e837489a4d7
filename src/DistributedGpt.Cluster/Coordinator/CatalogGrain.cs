using DistributedGpt.Client;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>
/// Which models the cluster is to serve: a durable list, changed by compare-and-swap. A model enters it only when it has been
/// loaded, so a load that fails leaves nothing behind.
/// </summary>
[KeepAlive, Reentrant]
internal sealed class CatalogGrain(RecordStore records, IClusterMembershipService membership, SiloAgents agents) : Grain, ICatalogControl
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    public async Task<ModelInfo[]> ListModels()
    {
        ModelInfo?[] infos = await Task.WhenAll((await ReadAsync()).Select(entry => GrainFactory.GetGrain<IModelGrain>(entry.Model.Name).GetInfo()));
        return [.. infos.OfType<ModelInfo>().Select(info => info with { TokenizerJson = [] })];
    }

    public async Task<bool> IsReady()
    {
        bool[] ready = await Task.WhenAll((await ReadAsync()).Select(entry => GrainFactory.GetGrain<IModelControl>(entry.Model.Name).IsReady()));
        return ready.Length > 0 && Array.TrueForAll(ready, each => each);
    }

    public async Task<CatalogEntry?> Find(string name) => Array.Find(await ReadAsync(), entry => entry.Model.Name == name);

    public async Task<string?> Load(ModelSpec model)
    {
        if (await Find(model.Name) is { Model: var present })
            return present == model ? null : $"{model.Name}: model: a model of that name is loaded from {present.Path}";
        (CatalogEntry? entry, string? error) = await GrainFactory.GetGrain<IModelControl>(model.Name).Load(model);
        if (entry is not null) await ChangeAsync(entries => [.. entries.Where(other => other.Model.Name != model.Name), entry]);
        return error;
    }

    public Task<LoadProgress> GetProgress(string name) => Coordinator(name).GetProgress();

    public async Task<bool> Unload(string name, bool now)
    {
        if (await Find(name) is null) return false;
        await ChangeAsync(entries => [.. entries.Where(entry => entry.Model.Name != name)]);
        await GrainFactory.GetGrain<IModelControl>(name).Unload(now);
        return true;
    }

    public async Task<ModelSpec[]> Wake()
    {
        CatalogEntry[] entries = await ReadAsync();
        await Task.WhenAll(entries.Select(entry => Coordinator(entry.Model.Name).GetReport()));
        return Array.ConvertAll(entries, entry => entry.Model);
    }

    public async Task<string?> Drain(string silo)
    {
        ClusterMember? member = membership.CurrentSnapshot.Members.Values.FirstOrDefault(member => member.Name == silo && member.Status == SiloStatus.Active);
        if (member is null) return $"{silo}: silo: there is no silo of that name";
        await agents[member.SiloAddress].Leave();
        string?[] errors = await Task.WhenAll((await ReadAsync()).Select(entry => Coordinator(entry.Model.Name).Drain(member.SiloAddress)));
        return errors.Any(error => error is not null) ? string.Join("; ", errors.OfType<string>()) : null;
    }

    public async Task<ClusterStatus> GetStatus()
    {
        Task<SiloReport[]> silos = Task.WhenAll(membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status != SiloStatus.Dead)
            .OrderBy(member => member.Name, StringComparer.Ordinal)
            .Select(DescribeAsync));
        Task<ModelReport[]> models = Task.WhenAll((await ReadAsync()).Select(entry => entry.Model).OrderBy(model => model.Name, StringComparer.Ordinal).Select(DescribeAsync));
        return new ClusterStatus(await silos, await models);
    }

    private ICoordinatorControl Coordinator(string model) => GrainFactory.GetGrain<ICoordinatorControl>(new ReplicaKey(model, 0).ToString());

    private async Task<SiloReport> DescribeAsync(ClusterMember member)
    {
        var report = new SiloReport(member.Name, member.SiloAddress.ToString(), member.Status.ToString());
        return await agents.FindCapacityAsync(member.SiloAddress) is not { } capacity
            ? report
            : report with { Device = capacity.Device, MemoryLimit = capacity.MemoryLimit, ReservedBytes = capacity.ReservedBytes };
    }

    /// <summary>A coordinator that does not answer must not keep the others from being seen.</summary>
    private async Task<ModelReport> DescribeAsync(ModelSpec model)
    {
        try
        {
            ReplicaReport? report = await Coordinator(model.Name).GetReport().WaitAsync(Patience);
            return new ModelReport(model.Name, model.Path, report is null ? [] : [report]);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return new ModelReport(model.Name, model.Path, []);
        }
    }

    private async Task<CatalogEntry[]> ReadAsync() => (await records.ReadAsync<CatalogRecord>(CatalogRecord.Name)).Value?.Models ?? [];

    private async Task ChangeAsync(Func<CatalogEntry[], CatalogEntry[]> change)
    {
        while (true)
        {
            StoredRecord<CatalogRecord> record = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
            if (await records.TryWriteAsync(record, new CatalogRecord(change(record.Value?.Models ?? [])))) return;
        }
    }
}
