using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// What a stage sent to the next one: hidden states <c>[block, 16, hidden]</c>, float32, under the block ids of the KV cache and for as
/// long as that holds the same positions. From it the next stage can fill a cache that it has lost. Used on the compute lane alone. Memory
/// comes block by block, when one is first written.
/// </summary>
/// <param name="blocks">Number of blocks.</param>
/// <param name="hidden">Width of the residual stream.</param>
internal sealed class BorderLog(int blocks, int hidden)
{
    private readonly byte[]?[] _blocks = new byte[]?[blocks];
    private readonly int _rowBytes = hidden * sizeof(float);

    /// <summary>A random number: a log made anew has another.</summary>
    public long Incarnation { get; } = Random.Shared.NextInt64(1, long.MaxValue);

    /// <summary>Bytes when every block is written.</summary>
    public long Bytes => BytesFor(blocks, hidden);

    /// <summary>Bytes of a log of so many blocks.</summary>
    public static long BytesFor(int blocks, int hidden) => (long)blocks * StepBatch.BlockSize * hidden * sizeof(float);

    /// <summary>Keeps the rows of a step.</summary>
    /// <param name="batch">The step.</param>
    /// <param name="rows">Its rows as they are sent.</param>
    public void Write(StepBatch batch, Frame rows)
    {
        ReadOnlySpan<byte> left = rows.Bytes;
        foreach ((int block, int first, int count) in Places(batch))
        {
            byte[] bytes = _blocks[block] ??= GC.AllocateUninitializedArray<byte>(StepBatch.BlockSize * _rowBytes);
            left[..(count * _rowBytes)].CopyTo(bytes.AsSpan(first * _rowBytes));
            left = left[(count * _rowBytes)..];
        }
    }

    /// <summary>The rows of a step, as they were sent.</summary>
    /// <exception cref="InvalidOperationException">A block of the step was never written.</exception>
    public Frame Read(StepBatch batch)
    {
        var frame = new Frame(batch.RowCount, hidden, received: false);
        Span<byte> left = frame.Bytes;
        foreach ((int block, int first, int count) in Places(batch))
        {
            byte[] bytes = _blocks[block] ?? throw new InvalidOperationException($"border log: block {block} was never written");
            bytes.AsSpan(first * _rowBytes, count * _rowBytes).CopyTo(left);
            left = left[(count * _rowBytes)..];
        }

        return frame;
    }

    /// <summary>Gives the memory back.</summary>
    public void Clear() => Array.Clear(_blocks);

    /// <summary>Where a step's rows are, in their order: runs of positions within a block.</summary>
    private static IEnumerable<(int Block, int First, int Count)> Places(StepBatch batch)
    {
        foreach (StepSequence sequence in batch.Sequences)
        {
            for (int position = sequence.FirstPosition; position < sequence.Length;)
            {
                int first = position % StepBatch.BlockSize, count = Math.Min(StepBatch.BlockSize - first, sequence.Length - position);
                yield return (sequence.BlockTable[position / StepBatch.BlockSize], first, count);
                position += count;
            }
        }
    }
}
