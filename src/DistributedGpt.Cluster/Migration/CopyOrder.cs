namespace DistributedGpt.Cluster;

/// <summary>What a migration copies to one silo.</summary>
/// <param name="Migration">The migration's random id.</param>
/// <param name="Number">Counts the migrations of its coordinator.</param>
/// <param name="Record">The replica's record as it is while the sources serve.</param>
/// <param name="Moves">The parts that come to the silo.</param>
[GenerateSerializer, Immutable]
internal sealed record CopyOrder(
    [property: Id(0)] Guid Migration, [property: Id(1)] int Number, [property: Id(2)] ReplicaRecord Record, [property: Id(3)] PartMove[] Moves);
