using Orleans;

namespace DistributedGpt.Engine;

/// <summary>What a replica tells a router of itself now and then.</summary>
/// <param name="Serves">Whether steps run; false while it is being attached or recovers.</param>
/// <param name="Sequences">Sequences that run or wait.</param>
[GenerateSerializer, Immutable]
public readonly record struct ReplicaLoad([property: Id(0)] bool Serves, [property: Id(1)] int Sequences);
