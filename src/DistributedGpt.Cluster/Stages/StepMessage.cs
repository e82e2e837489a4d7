using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>A step on its way into a stage.</summary>
/// <param name="Batch">The step.</param>
/// <param name="Stage">The stage's index in the plan.</param>
/// <param name="Hidden">The hidden states after the stage before; null where the step begins: in the first stage, which has the embedding, or in one that sends what it has logged.</param>
/// <param name="TraceParent">The step's activity, in the form of the W3C's traceparent; null where the step is not traced.</param>
[GenerateSerializer, Immutable]
public sealed record StepMessage(
    [property: Id(0)] StepBatch Batch, [property: Id(1)] int Stage, [property: Id(2)] Frame? Hidden, [property: Id(3)] string? TraceParent = null);
