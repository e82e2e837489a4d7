namespace DistributedGpt.Engine;

/// <summary>
/// Divides all that running sequences have computed into steps that compute it again. Shared blocks come once, with the first sequence
/// that has them, and no block is divided among steps: what of a block has been computed again is all of it.
/// </summary>
internal sealed class RebuildSteps(SchedulerOptions options, long epoch, int firstNumber, StageRange range)
{
    private readonly List<StepBatch> _steps = [];
    private readonly List<StepSequence> _rows = [];
    private readonly List<BlockFill> _fills = [];
    private readonly HashSet<int> _blocks = [];
    private int _rowCount;

    /// <summary>The steps that compute these sequences again.</summary>
    public IReadOnlyList<StepBatch> Of(IEnumerable<Sequence> running)
    {
        foreach (Sequence sequence in running) Add(sequence);
        Build();
        return _steps;
    }

    private void Add(Sequence sequence)
    {
        int first = 0;
        while (first < sequence.Computed && _blocks.Contains(sequence.BlockTable[first / StepBatch.BlockSize])) first += StepBatch.BlockSize;
        while (first < sequence.Computed)
        {
            if (_rows.Count == options.MaxSequencesPerStep || (_rowCount > 0 && options.TokenBudget - _rowCount < StepBatch.BlockSize)) Build();
            int blocks = Math.Max(1, (options.TokenBudget - _rowCount) / StepBatch.BlockSize);
            int end = Math.Min(sequence.Computed, first + blocks * StepBatch.BlockSize);
            Add(sequence, first, end);
            first = end;
        }
    }

    private void Add(Sequence sequence, int first, int end)
    {
        int[] table = sequence.BlockTable[..Sequence.BlocksFor(end)];
        _rows.Add(new StepSequence
        {
            Id = sequence.Id,
            TokenIds = sequence.Ids[first..end].ToArray(),
            FirstPosition = first,
            BlockTable = table,
            PromptLength = sequence.PromptLength,
        });
        for (int block = first / StepBatch.BlockSize; block < table.Length; block++)
        {
            _blocks.Add(table[block]);
            if (block < end / StepBatch.BlockSize) _fills.Add(new BlockFill(table[block], sequence.HashOfBlock(block)));
        }

        _rowCount += end - first;
    }

    private void Build()
    {
        if (_rows.Count == 0) return;
        _steps.Add(new StepBatch
        {
            Epoch = epoch,
            Number = firstNumber + _steps.Count,
            FirstOfRun = firstNumber,
            Rebuild = range,
            Sequences = [.. _rows],
            Fills = [.. _fills],
        });
        _rows.Clear();
        _fills.Clear();
        _rowCount = 0;
    }
}
