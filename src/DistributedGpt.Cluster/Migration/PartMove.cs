namespace DistributedGpt.Cluster;

/// <summary>A part that moves to another silo.</summary>
/// <param name="Part">The part.</param>
/// <param name="Source">The silo that has it.</param>
/// <param name="Incarnation">Its incarnation there.</param>
[GenerateSerializer, Immutable]
internal sealed record PartMove([property: Id(0)] PartKey Part, [property: Id(1)] SiloAddress Source, [property: Id(2)] long Incarnation);
