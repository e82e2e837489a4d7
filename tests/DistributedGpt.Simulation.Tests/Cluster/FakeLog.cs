namespace DistributedGpt.Simulation.Tests;

/// <summary>What a stage sent to the next one, by block and position; it holds anything at first.</summary>
internal sealed class FakeLog
{
    private readonly ulong[] _rows;

    public FakeLog(int blocks, Random random)
    {
        Incarnation = random.NextInt64();
        _rows = new ulong[blocks * StepBatch.BlockSize];
        for (int i = 0; i < _rows.Length; i++) _rows[i] = (ulong)random.NextInt64();
    }

    public long Incarnation { get; }

    /// <summary>Keeps a step's rows <c>[rows]</c>.</summary>
    public void Write(StepBatch batch, ulong[] x)
    {
        int row = 0;
        foreach (int place in Places(batch)) _rows[place] = x[row++];
    }

    /// <summary>The step's rows <c>[rows]</c> as they were sent.</summary>
    public ulong[] Read(StepBatch batch) => [.. Places(batch).Select(place => _rows[place])];

    private static IEnumerable<int> Places(StepBatch batch) =>
        from sequence in batch.Sequences
        from position in Enumerable.Range(sequence.FirstPosition, sequence.TokenIds.Length)
        select sequence.BlockTable[position / StepBatch.BlockSize] * StepBatch.BlockSize + position % StepBatch.BlockSize;
}
