namespace DistributedGpt.Transformer;

/// <summary>A place in the order of the training data.</summary>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="FirstStep">The step in which it began.</param>
/// <param name="Sequence">The next of its shuffled sequences.</param>
internal readonly record struct DataPosition(int Epoch, int FirstStep, int Sequence);
