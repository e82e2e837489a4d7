using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>Makes copies of parts on this silo for migrations.</summary>
internal sealed class SiloCopies(SiloStore store, FingerprintCache fingerprints, SiloAgents agents, ILocalSiloDetails silo)
{
    /// <summary>Loads the weights and takes the full blocks of the caches, while the sources serve.</summary>
    /// <returns>Null, or why that cannot be, fit for the user.</returns>
    public async Task<string?> BeginAsync(CopyOrder order)
    {
        string path = order.Record.Model.Path;
        ReplicaStore replica = store.Replica(order.Moves[0].Part.Replica);
        if (replica.BeginCopy(order) is not { } copy) return $"{silo.Name} has heard of a later plan";
        try
        {
            string fingerprint = await fingerprints.GetAsync(store.CurrentFolder(path));
            if (fingerprint != order.Record.Fingerprint) return $"{path}: model: expected fingerprint {order.Record.Fingerprint}, found {fingerprint} on {silo.Name}";
            foreach (PartMove move in order.Moves) await store.LoadCopyAsync(replica, copy, move);
            await new CachePull(agents, replica, copy).TakeFullBlocksAsync();
            return null;
        }
        catch (Exception e) when (e is ModelFormatException or InsufficientMemoryException or MigrationException)
        {
            return e.Message;
        }
    }

    /// <summary>Takes the rest of the caches, when no step is in flight.</summary>
    /// <returns>What was copied.</returns>
    /// <exception cref="MigrationException">The copy is here no more, or cannot be finished.</exception>
    public async Task<CopiedPart[]> FinishAsync(ReplicaKey key, Guid migration, int[] live)
    {
        ReplicaStore replica = store.Replica(key);
        ReplicaCopy copy = replica.FindCopy(migration) ?? throw new MigrationException($"{silo.Name} has no copy of {key} for that migration");
        await new CachePull(agents, replica, copy).TakeRestAsync(live);
        if (!copy.IsComplete) throw new MigrationException($"{silo.Name} could not finish its copy of {key}");
        return [.. copy.Parts.Select(part => new CopiedPart(part.Move.Incarnation, part.Part.Incarnation))];
    }
}
