using Orleans.Concurrency;
using Orleans.Placement;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="ILayerGrain"/>
[KeepAlive, Immovable, Reentrant, PlannedPlacement]
internal sealed class LayerGrain(SiloStore store, ILocalSiloDetails silo, PartLoader loader)
    : PartGrain(PartKind.Layer, store, silo, loader), ILayerGrain;
