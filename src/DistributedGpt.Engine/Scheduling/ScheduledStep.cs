namespace DistributedGpt.Engine;

/// <summary>A step in flight and the sequences of its rows.</summary>
internal sealed record ScheduledStep(StepBatch Batch, Sequence[] Sequences);
