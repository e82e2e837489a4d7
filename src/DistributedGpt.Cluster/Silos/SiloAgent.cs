using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="ISiloAgent"/>
[Reentrant]
internal sealed class SiloAgent(GrainId id, Silo silo, ILoggerFactory loggers, SiloStore store, SiloStoreOptions options, ComputeDevice device)
    : GrainService(id, silo, loggers), ISiloAgent
{
    public Task<SiloCapacity> GetCapacity() =>
        Task.FromResult(new SiloCapacity(device.Backend.Device, store.MemoryLimit, store.ReservedBytes, options.WeightType));

    public Task<long> GetLoadedBytes(ReplicaKey replica) => Task.FromResult(store.LoadedBytes(replica));

    public Task Release(ReplicaKey replica) => store.ReleaseAsync(replica);
}
