namespace DistributedGpt.Cluster;

/// <summary>The record of one replica, as one activation of its coordinator writes it: under the activation's random id.</summary>
/// <param name="records">The durable records.</param>
/// <param name="replica">The replica.</param>
/// <param name="owner">The activation's id.</param>
internal sealed class ReplicaJournal(RecordStore records, ReplicaKey replica, Guid owner)
{
    private StoredRecord<ReplicaRecord>? _written;

    /// <summary>The record; null where the replica has no plan.</summary>
    public async Task<ReplicaRecord?> ReadAsync() => (await records.ReadAsync<ReplicaRecord>(replica.ToString())).Value;

    /// <summary>Writes the first record, if there is none.</summary>
    /// <returns>The record that is there now; null if another coordinator has just written one.</returns>
    public async Task<ReplicaRecord?> CreateAsync(ReplicaRecord plan)
    {
        StoredRecord<ReplicaRecord> stored = await records.ReadAsync<ReplicaRecord>(replica.ToString());
        if (stored.Value is { } present) return present;
        ReplicaRecord mine = plan with { Owner = owner };
        return await records.TryWriteAsync(stored, mine) ? mine : null;
    }

    /// <summary>Raises the epoch.</summary>
    /// <param name="isFirst">Whether it is the first epoch of this activation, which takes over from any other; later ones only continue its own.</param>
    /// <param name="place">Makes of the record as it stands the one with all stages on living silos.</param>
    /// <returns>The record as written; null if another coordinator has come after this one.</returns>
    public async Task<ReplicaRecord?> RaiseAsync(bool isFirst, Func<ReplicaRecord, Task<ReplicaRecord>> place)
    {
        while (true)
        {
            // What this activation wrote last need not be read: if it is the latest no more, the write fails. One that fails says nothing.
            StoredRecord<ReplicaRecord> stored = _written ?? await records.ReadAsync<ReplicaRecord>(replica.ToString());
            _written = null;
            if (stored.Value is not { } before) return null;
            if (!isFirst && before.Owner != owner) return null;
            ReplicaRecord raised = await place(before) with { Epoch = before.Epoch + 1, Owner = owner };
            if (!await records.TryWriteAsync(stored, raised)) continue;
            _written = stored;
            return raised;
        }
    }

    /// <summary>Removes the record, whoever wrote it.</summary>
    public async Task ClearAsync()
    {
        StoredRecord<ReplicaRecord> stored = await records.ReadAsync<ReplicaRecord>(replica.ToString());
        if (stored.Value is not null) await records.ClearAsync(stored);
    }
}
