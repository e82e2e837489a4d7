namespace DistributedGpt.Simulation.Tests;

/// <summary>A layer with its paged KV cache, which holds anything at first.</summary>
internal sealed class FakeLayer
{
    private readonly int _index;
    private readonly ulong[] _keyValues;

    public FakeLayer(int index, int blocks, Random random, long? incarnation = null)
    {
        _index = index;
        Incarnation = incarnation ?? random.NextInt64();
        _keyValues = new ulong[blocks * StepBatch.BlockSize];
        for (int i = 0; i < _keyValues.Length; i++) _keyValues[i] = (ulong)random.NextInt64();
    }

    public long Incarnation { get; }

    /// <summary>Runs a step's rows <c>[rows]</c> through the layer, in place.</summary>
    public void Forward(StepBatch batch, ulong[] x)
    {
        int row = 0;
        foreach (StepSequence sequence in batch.Sequences)
        {
            int[] table = sequence.BlockTable;
            for (int position = sequence.FirstPosition; position < sequence.Length; position++, row++)
            {
                Block(table[position / StepBatch.BlockSize])[position % StepBatch.BlockSize] = FakeModel.KeyValue(_index, x[row]);
                ulong y = FakeModel.Query(_index, x[row]);
                for (int i = 0, left = position + 1; left > 0; i++, left -= StepBatch.BlockSize)
                {
                    foreach (ulong kv in Block(table[i])[..Math.Min(left, StepBatch.BlockSize)]) y = Mix.In(y, kv);
                }

                x[row] = y;
            }
        }
    }

    /// <summary>What a block holds.</summary>
    public Span<ulong> Block(int block) => _keyValues.AsSpan(block * StepBatch.BlockSize, StepBatch.BlockSize);
}
