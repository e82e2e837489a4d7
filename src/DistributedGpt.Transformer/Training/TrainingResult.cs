namespace DistributedGpt.Transformer;

/// <summary>What a training arrived at.</summary>
/// <param name="Parameters">Parameters of the model.</param>
/// <param name="SelectionLoss">The best loss on the selection slice, nats per character: that of the model written.</param>
/// <param name="HeldOutLoss">
/// The loss of the model written, with its weights rounded to bfloat16, on the held-out text: nats over non-overlapping windows of
/// the context's length, every token predicted once, divided by the characters.
/// </param>
public sealed record TrainingResult(long Parameters, double SelectionLoss, double HeldOutLoss);
