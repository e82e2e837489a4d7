using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A stage's refusal of a step or an Attach.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Epoch">The stage's own epoch, 0 if it was never attached. If it is above the coordinator's, the coordinator is fenced.</param>
/// <param name="Detail">What was thrown, for the log.</param>
[GenerateSerializer, Immutable]
public sealed record StageRefusal([property: Id(0)] RefusalReason Reason, [property: Id(1)] long Epoch, [property: Id(2)] string? Detail = null);
