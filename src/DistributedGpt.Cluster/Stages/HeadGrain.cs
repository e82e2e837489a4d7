using Orleans.Concurrency;
using Orleans.Placement;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="IHeadGrain"/>
[KeepAlive, Immovable, Reentrant, PlannedPlacement]
internal sealed class HeadGrain(SiloStore store, ILocalSiloDetails silo, PartLoader loader)
    : PartGrain(PartKind.Head, store, silo, loader), IHeadGrain;
