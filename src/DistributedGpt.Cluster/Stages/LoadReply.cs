namespace DistributedGpt.Cluster;

/// <summary>The answer of a part's grain to Load.</summary>
/// <param name="Moved">The activation was on another silo and moves; ask again.</param>
/// <param name="Error">Why the part cannot be loaded, fit for the user; null where it is loaded or moves.</param>
[GenerateSerializer, Immutable]
internal sealed record LoadReply([property: Id(0)] bool Moved, [property: Id(1)] string? Error);
