using Orleans.Concurrency;
using Orleans.Placement;

namespace DistributedGpt.Cluster;

/// <inheritdoc cref="IEmbeddingGrain"/>
[KeepAlive, Immovable, Reentrant, PlannedPlacement]
internal sealed class EmbeddingGrain(SiloStore store, ILocalSiloDetails silo, PartLoader loader)
    : PartGrain(PartKind.Embedding, store, silo, loader), IEmbeddingGrain;
