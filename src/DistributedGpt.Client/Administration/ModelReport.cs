namespace DistributedGpt.Client;

/// <summary>A model of the catalog.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Path">Its folder, as the silos see it.</param>
/// <param name="State">Where it stands.</param>
/// <param name="ReplicaCount">How many replicas it has.</param>
/// <param name="Replicas">Those of its replicas whose coordinators answered.</param>
[GenerateSerializer, Immutable]
public sealed record ModelReport(
    [property: Id(0)] string Name,
    [property: Id(1)] string Path,
    [property: Id(2)] ModelState State,
    [property: Id(3)] int ReplicaCount,
    [property: Id(4)] ReplicaReport[] Replicas);
