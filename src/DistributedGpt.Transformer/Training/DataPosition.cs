namespace DistributedGpt.Transformer;

/// <summary>A place in the order of the training data.</summary>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="FirstSequence">The sequences of all epochs before it.</param>
/// <param name="Sequence">The next of its shuffled sequences.</param>
internal readonly record struct DataPosition(int Epoch, long FirstSequence, int Sequence);
