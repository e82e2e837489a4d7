namespace DistributedGpt.Cluster;

/// <summary>Places the coordinator of a replica on a silo that has a stage of it, so that a silo's loss is felt by its own replicas alone.</summary>
[GenerateSerializer, Immutable]
internal sealed class ReplicaPlacement : PlacementStrategy;
