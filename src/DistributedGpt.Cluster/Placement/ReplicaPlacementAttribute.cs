using Orleans.Placement;

namespace DistributedGpt.Cluster;

/// <summary>Marks the class of the coordinators.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class ReplicaPlacementAttribute() : PlacementAttribute(new ReplicaPlacement());
