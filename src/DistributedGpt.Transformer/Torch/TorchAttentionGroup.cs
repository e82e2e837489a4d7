using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// Sequences of a step whose attention is one batched operation: all those with one row each, or a single one with several.
/// </summary>
/// <param name="Sequences">Number of sequences.</param>
/// <param name="RowsEach">Rows of each.</param>
/// <param name="FirstRow">The first of the rows.</param>
/// <param name="Rows">The step's rows of the group, in order; null where they are consecutive from <paramref name="FirstRow"/> on.</param>
/// <param name="Blocks">The block tables one after the other, <c>[sequences * blocks]</c>, padded with block 0.</param>
/// <param name="Mask">0 where a row may see a position and minus infinity elsewhere, <c>[sequences, 1, rows each, blocks * 16]</c>.</param>
internal sealed record TorchAttentionGroup(int Sequences, int RowsEach, int FirstRow, Tensor? Rows, Tensor Blocks, Tensor Mask);
