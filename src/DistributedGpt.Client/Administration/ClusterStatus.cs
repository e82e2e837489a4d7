namespace DistributedGpt.Client;

/// <summary>A cluster at one moment.</summary>
/// <param name="Silos">Its silos, by name.</param>
/// <param name="Models">Its models, by name.</param>
[GenerateSerializer, Immutable]
public sealed record ClusterStatus([property: Id(0)] SiloReport[] Silos, [property: Id(1)] ModelReport[] Models);
