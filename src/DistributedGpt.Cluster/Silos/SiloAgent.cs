using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="ISiloAgent"/>
[Reentrant]
internal sealed class SiloAgent(GrainId id, Silo silo, ILoggerFactory loggers, SiloStore store, SiloCopies copies, SiloAgents agents, SiloStoreOptions options, ComputeDevice device)
    : GrainService(id, silo, loggers), ISiloAgent
{
    /// <summary>Below the patience of the silo that asks.</summary>
    private static readonly TimeSpan WitnessPatience = TimeSpan.FromMilliseconds(500);

    private bool _leaving;

    public Task Ping() => Task.CompletedTask;

    public Task<bool> Reaches(SiloAddress peer) => agents.PingAsync(peer, WitnessPatience);

    public Task<SiloCapacity> GetCapacity() => Task.FromResult(
        new SiloCapacity(device.Backend.Device, _leaving ? store.ReservedBytes : store.MemoryLimit, store.ReservedBytes, options.WeightType, device.SampleTimes));

    public Task<string?> BeginCopy(CopyOrder order) => copies.BeginAsync(order);

    public Task<CopiedPart[]> FinishCopy(ReplicaKey replica, Guid migration, int[] live) => copies.FinishAsync(replica, migration, live);

    public Task Keep(ReplicaKey replica, ReplicaRecord record, int migration) => store.KeepAsync(replica, Silo, record, migration);

    public Task<BlockFill[]?> DescribeCache(ReplicaKey replica, long epoch, long[] incarnations, bool urgent) =>
        store.Replica(replica).DescribeAsync(epoch, incarnations, urgent);

    public Task<CachePiece?> ReadCache(ReplicaKey replica, long epoch, CacheBlock[] blocks, bool urgent) => store.Replica(replica).ReadAsync(epoch, blocks, urgent);

    public Task Leave()
    {
        _leaving = true;
        return Task.CompletedTask;
    }

    public Task<long> GetLoadedBytes(ReplicaKey replica) => Task.FromResult(store.LoadedBytes(replica));

    public Task Release(ReplicaKey replica) => store.ReleaseAsync(replica);
}
