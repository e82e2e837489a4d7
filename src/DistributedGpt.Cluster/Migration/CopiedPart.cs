namespace DistributedGpt.Cluster;

/// <summary>A part that was copied completely.</summary>
/// <param name="Before">The incarnation that was copied.</param>
/// <param name="Copy">The incarnation of the copy.</param>
[GenerateSerializer, Immutable]
internal readonly record struct CopiedPart([property: Id(0)] long Before, [property: Id(1)] long Copy);
