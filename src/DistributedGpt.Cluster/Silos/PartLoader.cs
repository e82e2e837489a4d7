using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>Loads parts into this silo's store, from a folder that is the one that was planned for.</summary>
internal sealed class PartLoader(SiloStore store, FingerprintCache fingerprints, ILocalSiloDetails silo)
{
    /// <summary>Loads a part, or adopts it where it is here.</summary>
    /// <returns>Null, or why it cannot be loaded, fit for the user.</returns>
    public async Task<string?> LoadAsync(PartKey part, ReplicaRecord record)
    {
        try
        {
            // What is here came from the right folder, whatever became of that since.
            if (!store.Holds(part))
            {
                string path = record.Model.Path, fingerprint = await fingerprints.GetAsync(store.CurrentFolder(path));
                if (fingerprint != record.Fingerprint) return $"{path}: model: expected fingerprint {record.Fingerprint}, found {fingerprint} on {silo.Name}";
            }

            await store.LoadAsync(part, record);
            return null;
        }
        catch (Exception e) when (e is ModelFormatException or InsufficientMemoryException)
        {
            return e.Message;
        }
    }
}
