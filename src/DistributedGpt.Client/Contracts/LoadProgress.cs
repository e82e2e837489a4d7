namespace DistributedGpt.Client;

/// <summary>How far the loading of a model is.</summary>
/// <param name="LoadedBytes">Bytes of weights that are resident.</param>
/// <param name="TotalBytes">Bytes of weights in all.</param>
[GenerateSerializer, Immutable]
public readonly record struct LoadProgress([property: Id(0)] long LoadedBytes, [property: Id(1)] long TotalBytes);
