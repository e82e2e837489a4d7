using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="ISiloAgent"/>
[Reentrant]
internal sealed class SiloAgent(GrainId id, Silo silo, ILoggerFactory loggers, SiloStore store, PartLoader loader, SiloStoreOptions options, ComputeDevice device)
    : GrainService(id, silo, loggers), ISiloAgent
{
    private bool _leaving;

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
