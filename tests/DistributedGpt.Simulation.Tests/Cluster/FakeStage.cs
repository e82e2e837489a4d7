namespace DistributedGpt.Simulation.Tests;

/// <summary>The layers of one stage, with their paged KV caches, and the head where it is the last stage.</summary>
internal sealed class FakeStage
{
    private readonly SimulationCase _case;
    private readonly Random _random;
    private readonly int _firstLayer;
    private readonly ulong[][] _keyValues;
    private readonly Dictionary<SequenceId, (int Length, ulong Fold)> _samplers = [];
    private long _samplerEpoch;

    public FakeStage(SimulationCase @case, Random random, int index)
    {
        (_case, _random, Index) = (@case, random, index);
        _firstLayer = index * @case.LayersPerStage;
        Incarnations = new long[@case.LayersPerStage];
        _keyValues = new ulong[@case.LayersPerStage][];
        for (int i = 0; i < Incarnations.Length; i++) Load(i);
    }

    public int Index { get; }

    public bool IsLast => Index == _case.Stages - 1;

    public long[] Incarnations { get; }

    /// <summary>Loads a layer anew: another incarnation, and a cache that holds anything.</summary>
    public void Load(int layer)
    {
        Incarnations[layer] = _random.NextInt64();
        _keyValues[layer] = new ulong[_case.Blocks * StepBatch.BlockSize];
        for (int i = 0; i < _keyValues[layer].Length; i++) _keyValues[layer][i] = (ulong)_random.NextInt64();
    }

    /// <summary>Runs a step's rows <c>[rows]</c> through the layers.</summary>
    public ulong[] Forward(StepBatch batch, ulong[]? input)
    {
        ulong[] x = input is null ? Embed(batch) : [.. input];
        for (int layer = 0; layer < _keyValues.Length; layer++)
        {
            ulong[] cache = _keyValues[layer];
            int row = 0;
            foreach (StepSequence sequence in batch.Sequences)
            {
                int[] table = sequence.BlockTable;
                for (int position = sequence.FirstPosition; position < sequence.Length; position++, row++)
                {
                    cache[At(table, position)] = FakeModel.KeyValue(_firstLayer + layer, x[row]);
                    ulong y = FakeModel.Query(_firstLayer + layer, x[row]);
                    for (int i = 0, left = position + 1; left > 0; i++, left -= StepBatch.BlockSize)
                    {
                        foreach (ulong kv in cache.AsSpan(table[i] * StepBatch.BlockSize, Math.Min(left, StepBatch.BlockSize))) y = Mix.In(y, kv);
                    }

                    x[row] = y;
                }
            }
        }

        return x;
    }

    /// <summary>Chooses the tokens that a step asks for, from the last layer's output.</summary>
    public SampledToken[] Sample(StepBatch batch, ulong[] hidden)
    {
        if (batch.Epoch != _samplerEpoch) _samplers.Clear();
        _samplerEpoch = batch.Epoch;
        foreach (SequenceId forgotten in batch.Forgotten) _samplers.Remove(forgotten);
        var tokens = new List<SampledToken>();
        int row = -1;
        foreach (StepSequence sequence in batch.Sequences)
        {
            row += sequence.TokenIds.Length;
            if (sequence.Sampling is not { } sampling) continue;
            ulong history = sampling.NeedsHistory ? History(sequence) : 0;
            int kind = FakeModel.Kind(hidden[row], sampling, sequence.Id.Completion, sequence.Length, sequence.Length - sequence.PromptLength, history);
            int variant = _case.Exact ? 0 : _random.Next(FakeModel.Variants);
            tokens.Add(new SampledToken(sequence.Id, sequence.Length, kind * FakeModel.Variants + variant, FakeModel.Logprobs(hidden[row], sampling)));
        }

        return [.. tokens];
    }

    private ulong History(StepSequence sequence)
    {
        bool rebuild = sequence.History is not null;
        if (_case.Mutation == Mutation.NoHistoryRebuild && sequence.Length > sequence.PromptLength) rebuild = false;
        (int length, ulong fold) = _samplers.GetValueOrDefault(sequence.Id);
        if (rebuild) (length, fold) = (0, 0);
        foreach (int id in rebuild ? sequence.History! : sequence.TokenIds)
        {
            fold = FakeModel.Fold(fold, id);
            length++;
        }

        if (length != sequence.Length && _case.Mutation == Mutation.None)
            throw new SimulationFailure($"the head knows {length} ids of {sequence.Id} where it samples after {sequence.Length}");
        _samplers[sequence.Id] = (length, fold);
        return fold;
    }

    private static int At(int[] table, int position) =>
        table[position / StepBatch.BlockSize] * StepBatch.BlockSize + position % StepBatch.BlockSize;

    private static ulong[] Embed(StepBatch batch)
    {
        var x = new List<ulong>();
        foreach (StepSequence sequence in batch.Sequences)
        {
            for (int i = 0; i < sequence.TokenIds.Length; i++) x.Add(FakeModel.Embed(sequence.TokenIds[i], sequence.FirstPosition + i));
        }

        return [.. x];
    }
}
