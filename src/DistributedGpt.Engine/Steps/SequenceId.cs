using Orleans;

namespace DistributedGpt.Engine;

/// <summary>One completion of one request.</summary>
/// <param name="Request">The request.</param>
/// <param name="Completion">The completion's index within it, from 0.</param>
[GenerateSerializer, Immutable]
public readonly record struct SequenceId([property: Id(0)] Guid Request, [property: Id(1)] int Completion);
