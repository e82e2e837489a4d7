namespace DistributedGpt.Cluster;

/// <summary>
/// Places a grain on the silo that the plan names, and nowhere else: only a <c>Load</c> carries the hint, so no other call can
/// bring the grain of a lost layer to life on a silo that knows nothing of it.
/// </summary>
[GenerateSerializer, Immutable]
internal sealed class PlannedPlacement : PlacementStrategy;
