namespace DistributedGpt.Transformer;

/// <summary>Where a training stands after a step.</summary>
/// <param name="Step">Steps done, of all runs that led here.</param>
/// <param name="Steps">Steps to do.</param>
/// <param name="Loss">The mean loss of the last steps, nats per token.</param>
/// <param name="SelectionLoss">The averaged weights' loss on the selection slice, nats per character, where this step evaluated it.</param>
/// <param name="TokensPerSecond">Training tokens per second since the last report.</param>
public readonly record struct TrainingProgress(int Step, int Steps, double Loss, double? SelectionLoss, double TokensPerSecond);
