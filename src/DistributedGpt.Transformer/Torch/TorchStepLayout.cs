using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// The integers of a step in one array: token ids, positions, cache blocks and cache offsets, each <c>[rows]</c>; then for each
/// attention group its block tables <c>[sequences, blocks]</c> (padded with block 0), the first position and the first row of each
/// of its sequences; at last the numbers from 0 on, one for each position.
/// </summary>
internal sealed class TorchStepLayout
{
    /// <summary>Lays <paramref name="step"/> out.</summary>
    public TorchStepLayout(StepBatch step)
    {
        RowCount = step.RowCount;
        List<long> integers = new(8 * RowCount);
        foreach (StepSequence sequence in step.Sequences)
            foreach (int id in sequence.TokenIds) integers.Add(id);
        AddForEachRow(static (_, position) => position);
        AddForEachRow(static (sequence, position) => sequence.BlockTable[position / StepBatch.BlockSize]);
        AddForEachRow(static (_, position) => position % StepBatch.BlockSize);

        // Sequences of one row share a group, whatever their lengths; one with more rows has its own, so that no row is padded.
        int[] firstRows = new int[step.Sequences.Length];
        for (int i = 1; i < firstRows.Length; i++) firstRows[i] = firstRows[i - 1] + step.Sequences[i - 1].TokenIds.Length;
        foreach (IGrouping<int, int> members in Enumerable.Range(0, firstRows.Length)
            .GroupBy(i => step.Sequences[i].TokenIds.Length == 1 ? -1 : i))
        {
            AddGroup([.. members]);
        }
        AscendingOffset = integers.Count;
        AscendingCount = Groups.Max(group => group.Blocks) * StepBatch.BlockSize;
        for (int i = 0; i < AscendingCount; i++) integers.Add(i);
        Integers = [.. integers];

        void AddForEachRow(Func<StepSequence, int, long> value)
        {
            foreach (StepSequence sequence in step.Sequences)
                for (int position = sequence.FirstPosition; position < sequence.Length; position++) integers.Add(value(sequence, position));
        }

        void AddGroup(int[] members)
        {
            int blocks = members.Max(member => BlockCount(step.Sequences[member]));
            Groups.Add(new(members.Length, step.Sequences[members[0]].TokenIds.Length, blocks, firstRows[members[0]],
                members[^1] - members[0] == members.Length - 1, integers.Count));
            foreach (int member in members)
            {
                StepSequence sequence = step.Sequences[member];
                for (int block = 0; block < blocks; block++) integers.Add(block < BlockCount(sequence) ? sequence.BlockTable[block] : 0);
            }
            foreach (int member in members) integers.Add(step.Sequences[member].FirstPosition);
            foreach (int member in members) integers.Add(firstRows[member]);
        }
    }

    /// <summary>Rows of the step.</summary>
    public int RowCount { get; }

    /// <summary>All integers.</summary>
    public long[] Integers { get; }

    /// <summary>Where the numbers from 0 on begin.</summary>
    public int AscendingOffset { get; }

    /// <summary>How many they are: positions of the longest sequence's blocks.</summary>
    public int AscendingCount { get; }

    /// <summary>The attention groups.</summary>
    public List<Group> Groups { get; } = [];

    private static int BlockCount(StepSequence sequence) => (sequence.Length + StepBatch.BlockSize - 1) / StepBatch.BlockSize;

    /// <summary>An attention group.</summary>
    /// <param name="Sequences">Its sequences.</param>
    /// <param name="RowsEach">Rows of each.</param>
    /// <param name="Blocks">Blocks of the longest.</param>
    /// <param name="FirstRow">Its first row.</param>
    /// <param name="Consecutive">Whether its rows follow one another.</param>
    /// <param name="Offset">Where its integers begin.</param>
    internal readonly record struct Group(int Sequences, int RowsEach, int Blocks, int FirstRow, bool Consecutive, int Offset);
}
