using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="ISiloAgent"/>
[Reentrant]
internal sealed class SiloAgent(GrainId id, Silo silo, ILoggerFactory loggers, SiloStore store, PartLoader loader, SiloAgents agents, SiloStoreOptions options, ComputeDevice device)
    : GrainService(id, silo, loggers), ISiloAgent
{
    /// <summary>Below the patience of the silo that asks.</summary>
    private static readonly TimeSpan WitnessPatience = TimeSpan.FromMilliseconds(500);

    private bool _leaving;

    public Task Ping() => Task.CompletedTask;

    public Task<bool> Reaches(SiloAddress peer) => agents.PingAsync(peer, WitnessPatience);

    public Task<SiloCapacity> GetCapacity() => Task.FromResult(
        new SiloCapacity(device.Backend.Device, _leaving ? store.ReservedBytes : store.MemoryLimit, store.ReservedBytes, options.WeightType, device.SampleTimes));

    public async Task<string?> Preload(PartKey[] parts, ReplicaRecord record)
    {
        foreach (PartKey part in parts)
        {
            if (await loader.LoadAsync(part, record) is { } error) return error;
        }

        return null;
    }

    public Task Leave()
    {
        _leaving = true;
        return Task.CompletedTask;
    }

    public Task<long> GetLoadedBytes(ReplicaKey replica) => Task.FromResult(store.LoadedBytes(replica));

    public Task Release(ReplicaKey replica) => store.ReleaseAsync(replica);
}
