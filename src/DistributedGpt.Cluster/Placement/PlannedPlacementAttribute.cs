using Orleans.Placement;

namespace DistributedGpt.Cluster;

/// <summary>Marks a grain class whose activations are placed by the plan.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class PlannedPlacementAttribute() : PlacementAttribute(new PlannedPlacement());
