namespace DistributedGpt.Simulation.Tests;

/// <summary>Chooses tokens from the last layer's output, with the samplers' states that it keeps within an epoch.</summary>
internal sealed class FakeHead(SimulationCase @case, Random random)
{
    private readonly Dictionary<SequenceId, (int Length, ulong Fold)> _samplers = [];
    private long _epoch;

    /// <summary>The tokens that a step asks for.</summary>
    public SampledToken[] Sample(StepBatch batch, ulong[] hidden)
    {
        if (batch.Epoch != _epoch) _samplers.Clear();
        _epoch = batch.Epoch;
        foreach (SequenceId forgotten in batch.Forgotten) _samplers.Remove(forgotten);
        var tokens = new List<SampledToken>();
        int row = -1;
        foreach (StepSequence sequence in batch.Sequences)
        {
            row += sequence.TokenIds.Length;
            if (sequence.Sampling is not { } sampling) continue;
            ulong history = sampling.NeedsHistory ? History(sequence) : 0;
            int kind = FakeModel.Kind(hidden[row], sampling, sequence.Id.Completion, sequence.Length, sequence.Length - sequence.PromptLength, history);
            int variant = @case.Exact ? 0 : random.Next(FakeModel.Variants);
            tokens.Add(new SampledToken(sequence.Id, sequence.Length, kind * FakeModel.Variants + variant, FakeModel.Logprobs(hidden[row], sampling)));
        }

        return [.. tokens];
    }

    private ulong History(StepSequence sequence)
    {
        bool rebuild = sequence.History is not null;
        if (@case.Mutation == Mutation.NoHistoryRebuild && sequence.Length > sequence.PromptLength) rebuild = false;
        (int length, ulong fold) = _samplers.GetValueOrDefault(sequence.Id);
        if (rebuild) (length, fold) = (0, 0);
        foreach (int id in rebuild ? sequence.History! : sequence.TokenIds)
        {
            fold = FakeModel.Fold(fold, id);
            length++;
        }

        if (length != sequence.Length && @case.Mutation == Mutation.None)
            throw new SimulationFailure($"the head knows {length} ids of {sequence.Id} where it samples after {sequence.Length}");
        _samplers[sequence.Id] = (length, fold);
        return fold;
    }
}
