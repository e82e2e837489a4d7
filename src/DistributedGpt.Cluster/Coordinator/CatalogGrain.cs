using DistributedGpt.Client;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>
/// Which models the cluster is to serve: a durable list, changed by compare-and-swap. A model enters it only when it has been
/// loaded, so a load that fails leaves nothing behind.
/// </summary>
[KeepAlive, Reentrant]
internal sealed class CatalogGrain(RecordStore records) : Grain, ICatalogControl
{
    public async Task<ModelInfo[]> ListModels()
    {
        StoredRecord<CatalogRecord> record = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
        ModelInfo?[] infos = await Task.WhenAll((record.Value?.Models ?? []).Select(model => GrainFactory.GetGrain<IModelGrain>(model.Name).GetInfo()));
        return [.. infos.OfType<ModelInfo>()];
    }

    public async Task<bool> IsReady()
    {
        StoredRecord<CatalogRecord> record = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
        ModelSpec[] models = record.Value?.Models ?? [];
        bool[] ready = await Task.WhenAll(models.Select(model => GrainFactory.GetGrain<IModelControl>(model.Name).IsReady()));
        return ready.Length > 0 && Array.TrueForAll(ready, each => each);
    }

    public async Task<ModelSpec?> Find(string name)
    {
        StoredRecord<CatalogRecord> record = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
        return Array.Find(record.Value?.Models ?? [], model => model.Name == name);
    }

    public async Task<string?> Load(ModelSpec model)
    {
        if (await Find(model.Name) is { } present)
            return present == model ? null : $"{model.Name}: model: a model of that name is loaded from {present.Path}";
        if (await GrainFactory.GetGrain<IModelControl>(model.Name).Load(model) is { } error) return error;
        while (true)
        {
            StoredRecord<CatalogRecord> record = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
            ModelSpec[] others = Array.FindAll(record.Value?.Models ?? [], other => other.Name != model.Name);
            if (await records.TryWriteAsync(record, new CatalogRecord([.. others, model]))) return null;
        }
    }
}
