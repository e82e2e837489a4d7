namespace DistributedGpt.Transformer;

/// <summary>A row of a step, as the kernels see it.</summary>
/// <param name="position">The position in its sequence.</param>
/// <param name="blocks">The blocks of its sequence, from position 0 on.</param>
internal readonly unsafe struct StepRow(int position, int* blocks)
{
    /// <summary>The position in its sequence.</summary>
    public readonly int Position = position;

    /// <summary>The blocks of its sequence, from position 0 on.</summary>
    public readonly int* Blocks = blocks;
}
