namespace DistributedGpt.Client;

/// <summary>How far a silo is with the loading of its part of a model.</summary>
/// <param name="Silo">The silo's name.</param>
/// <param name="LoadedBytes">Bytes of weights and caches that are resident.</param>
/// <param name="TotalBytes">Bytes in all.</param>
[GenerateSerializer, Immutable]
public sealed record SiloLoadProgress([property: Id(0)] string Silo, [property: Id(1)] long LoadedBytes, [property: Id(2)] long TotalBytes);
