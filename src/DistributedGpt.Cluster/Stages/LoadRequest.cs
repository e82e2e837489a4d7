namespace DistributedGpt.Cluster;

/// <summary>What is to be loaded where.</summary>
/// <param name="Silo">The silo that the plan names.</param>
/// <param name="Record">The replica's record.</param>
[GenerateSerializer, Immutable]
internal sealed record LoadRequest([property: Id(0)] SiloAddress Silo, [property: Id(1)] ReplicaRecord Record);
