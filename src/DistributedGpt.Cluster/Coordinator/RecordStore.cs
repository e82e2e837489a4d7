using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;

namespace DistributedGpt.Cluster;

/// <summary>
/// The durable records of the cluster in Orleans' grain storage, under fixed names, so that any activation can read them and
/// writes are compare-and-swap: a write succeeds only if nobody wrote since the record was read.
/// </summary>
/// <param name="storage">The storage named <see cref="StorageName"/>.</param>
internal sealed class RecordStore([FromKeyedServices(RecordStore.StorageName)] IGrainStorage storage)
{
    /// <summary>The storage provider's name.</summary>
    public const string StorageName = "dgpt";

    /// <summary>Reads the record of that name; its value is null where there is none.</summary>
    public async Task<StoredRecord<T>> ReadAsync<T>(string name)
        where T : class
    {
        var state = new GrainState<T?>();
        await storage.ReadStateAsync(typeof(T).Name, Id(name), state);
        return new StoredRecord<T>(name, state);
    }

    /// <summary>Writes a new value, unless somebody wrote since <paramref name="record"/> was read.</summary>
    /// <returns>False if somebody did; the record must be read again.</returns>
    public async Task<bool> TryWriteAsync<T>(StoredRecord<T> record, T value)
        where T : class
    {
        T? before = record.State.State;
        record.State.State = value;
        try
        {
            await storage.WriteStateAsync(typeof(T).Name, Id(record.Name), record.State);
            return true;
        }
        catch (InconsistentStateException)
        {
            record.State.State = before;
            return false;
        }
    }

    /// <summary>Removes a record, unless somebody wrote since it was read.</summary>
    public async Task ClearAsync<T>(StoredRecord<T> record)
        where T : class
    {
        try
        {
            await storage.ClearStateAsync(typeof(T).Name, Id(record.Name), record.State);
        }
        catch (InconsistentStateException)
        {
            // It belongs to whoever wrote it.
        }
    }

    private static GrainId Id(string name) => GrainId.Create("record", name);
}
