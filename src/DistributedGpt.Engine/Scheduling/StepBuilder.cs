namespace DistributedGpt.Engine;

/// <summary>Collects the rows of the step under construction, within its limits.</summary>
internal sealed class StepBuilder(SchedulerOptions options)
{
    private readonly List<StepSequence> _rows = [];
    private readonly List<Sequence> _sequences = [];
    private readonly List<BlockFill> _fills = [];
    private readonly List<SequenceId> _forgotten = [];

    /// <summary>Rows that the step can still take; 0 where it can take no further sequence.</summary>
    public int Room => _rows.Count < options.MaxSequencesPerStep ? options.TokenBudget - RowCount : 0;

    /// <summary>Rows so far.</summary>
    public int RowCount { get; private set; }

    /// <summary>Adds the next <paramref name="count"/> tokens of <paramref name="sequence"/>, whose blocks are there.</summary>
    public void Add(Sequence sequence, int count)
    {
        int first = sequence.Scheduled, end = first + count;
        int blocks = Sequence.BlocksFor(end);
        bool samples = end == sequence.Length;
        SamplingOptions sampling = sequence.Request.Sampling;
        bool needsHistory = samples && sampling.NeedsHistory && !sequence.HeadHasState;
        _rows.Add(new StepSequence
        {
            Id = sequence.Id,
            TokenIds = sequence.Ids.Slice(first, count).ToArray(),
            FirstPosition = first,
            BlockTable = blocks == sequence.BlockTable.Length ? sequence.BlockTable : sequence.BlockTable[..blocks],
            Sampling = samples ? sampling : null,
            PromptLength = sequence.PromptLength,
            History = needsHistory ? sequence.Ids.ToArray() : null,
        });
        _sequences.Add(sequence);
        for (int block = first / StepBatch.BlockSize; block < end / StepBatch.BlockSize; block++)
            _fills.Add(new BlockFill(sequence.BlockTable[block], sequence.HashOfBlock(block)));
        sequence.Scheduled = end;
        sequence.StepsInFlight++;
        sequence.HeadHasState |= samples;
        RowCount += count;
    }

    /// <summary>The head need not keep this sequence's sampler state any longer.</summary>
    public void Forget(Sequence sequence)
    {
        if (sequence.HeadHasState && sequence.Request.Sampling.NeedsHistory) _forgotten.Add(sequence.Id);
        sequence.HeadHasState = false;
    }

    /// <summary>The head has forgotten all.</summary>
    public void Reset() => _forgotten.Clear();

    /// <summary>The step, or null where nothing was added; the builder is empty again.</summary>
    public ScheduledStep? Build(long epoch, int number)
    {
        if (_rows.Count == 0) return null;
        var batch = new StepBatch { Epoch = epoch, Number = number, Sequences = [.. _rows], Fills = [.. _fills], Forgotten = [.. _forgotten] };
        var step = new ScheduledStep(batch, [.. _sequences]);
        _rows.Clear();
        _sequences.Clear();
        _fills.Clear();
        _forgotten.Clear();
        RowCount = 0;
        return step;
    }
}
