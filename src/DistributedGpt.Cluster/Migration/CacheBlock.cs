namespace DistributedGpt.Cluster;

/// <summary>A block of a layer's cache.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Incarnation">The layer's incarnation; another one holds something else.</param>
/// <param name="Block">The block.</param>
[GenerateSerializer, Immutable]
internal readonly record struct CacheBlock([property: Id(0)] PartKey Layer, [property: Id(1)] long Incarnation, [property: Id(2)] int Block);
