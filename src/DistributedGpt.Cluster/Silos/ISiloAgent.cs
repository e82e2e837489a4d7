using DistributedGpt.Engine;
using Orleans.Services;

namespace DistributedGpt.Cluster;

/// <summary>
/// The silo itself, reached by its address: no directory and no placement are asked, and it is never made anew elsewhere to answer
/// for a silo that is dead.
/// </summary>
internal interface ISiloAgent : IGrainService
{
    /// <summary>Answers, whatever the compute lane does.</summary>
    [ResponseTimeout("00:00:01")]
    Task Ping();

    /// <summary>Whether another silo answers a ping of this one.</summary>
    [ResponseTimeout("00:00:02")]
    Task<bool> Reaches(SiloAddress peer);

    /// <summary>What the silo offers.</summary>
    Task<SiloCapacity> GetCapacity();

    /// <summary>Bytes of a replica's parts that are loaded.</summary>
    Task<long> GetLoadedBytes(ReplicaKey replica);

    /// <summary>Copies parts here for a migration: their weights from the model's folder, and the full blocks of their caches from the silos that serve.</summary>
    /// <returns>Null, or why that cannot be, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> BeginCopy(CopyOrder order);

    /// <summary>Takes the rest of the caches, when no step is in flight.</summary>
    /// <param name="replica">The replica.</param>
    /// <param name="migration">The migration.</param>
    /// <param name="live">The blocks that sequences use, full and partial.</param>
    /// <returns>What was copied.</returns>
    /// <exception cref="MigrationException">The copy is here no more, or cannot be finished.</exception>
    [ResponseTimeout("00:00:30")]
    Task<CopiedPart[]> FinishCopy(ReplicaKey replica, Guid migration, int[] live);

    /// <summary>Leaves only what the plan gives to this silo, and the copy of the migration that is under way. What comes late changes nothing.</summary>
    /// <param name="replica">The replica.</param>
    /// <param name="record">Its record.</param>
    /// <param name="migration">The number of that migration, or of the next one.</param>
    Task Keep(ReplicaKey replica, ReplicaRecord record, int migration);

    /// <summary>The full blocks that all of these layers hold; null where they are not served here under that epoch.</summary>
    [ResponseTimeout("00:00:30")]
    Task<BlockFill[]?> DescribeCache(ReplicaKey replica, long epoch, long[] incarnations, bool urgent);

    /// <summary>What these blocks hold; null where a layer is not served here under that epoch.</summary>
    [ResponseTimeout("00:00:30")]
    Task<CachePiece?> ReadCache(ReplicaKey replica, long epoch, CacheBlock[] blocks, bool urgent);

    /// <summary>The silo is to go: from now on it offers no memory.</summary>
    Task Leave();

    /// <summary>Drops everything that the silo holds of a replica.</summary>
    Task Release(ReplicaKey replica);
}
