namespace DistributedGpt.Client;

/// <summary>A model of the catalog.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Path">Its folder, as the silos see it.</param>
/// <param name="Replicas">Its replicas.</param>
[GenerateSerializer, Immutable]
public sealed record ModelReport([property: Id(0)] string Name, [property: Id(1)] string Path, [property: Id(2)] ReplicaReport[] Replicas);
