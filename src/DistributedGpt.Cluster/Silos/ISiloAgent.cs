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

    /// <summary>Loads parts before their grains come here.</summary>
    /// <returns>Null, or why a part cannot be loaded, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> Preload(PartKey[] parts, ReplicaRecord record);

    /// <summary>The silo is to go: from now on it offers no memory.</summary>
    Task Leave();

    /// <summary>Drops everything that the silo holds of a replica.</summary>
    Task Release(ReplicaKey replica);
}
