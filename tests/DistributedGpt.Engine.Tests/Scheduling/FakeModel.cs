namespace DistributedGpt.Engine.Tests;

/// <summary>
/// Two "layers" whose hidden states are hashes of everything that attention reads through the block table, and a head whose choice
/// depends on them and, where asked, on all ids so far. So one stale or missing position, one block shared by mistake or one wrong
/// sampler state changes the text. The second layer's keys depend on all earlier tokens, as in a transformer.
/// </summary>
internal sealed class FakeModel(int blocks)
{
    public const int Vocabulary = 40;

    private readonly ulong[,] _first = new ulong[blocks, StepBatch.BlockSize];
    private readonly ulong[,] _second = new ulong[blocks, StepBatch.BlockSize];
    private readonly Dictionary<SequenceId, (ulong State, int Length)> _head = [];

    /// <summary>Hashes as a stage keeps them: a write clears a block's, the step that fills it sets it.</summary>
    public Dictionary<int, BlockHash> Hashes { get; } = [];

    /// <summary>Sequences whose sampler state the head keeps.</summary>
    public int HeadStates => _head.Count;

    public void Attach() => _head.Clear();

    /// <summary>The layers were loaded anew.</summary>
    public void LoseCache()
    {
        Array.Clear(_first);
        Array.Clear(_second);
        Hashes.Clear();
    }

    public SampledToken[] Run(StepBatch step)
    {
        var tokens = new List<SampledToken>();
        foreach (SequenceId id in step.Forgotten) Assert.True(_head.Remove(id));
        foreach (StepSequence rows in step.Sequences)
        {
            ulong y = 0;
            for (int i = 0; i < rows.TokenIds.Length; i++)
            {
                int position = rows.FirstPosition + i;
                (int block, int offset) = (rows.BlockTable[position / StepBatch.BlockSize], position % StepBatch.BlockSize);
                Hashes.Remove(block);
                ulong x = Embed(rows.TokenIds[i], position);
                _first[block, offset] = Key(x);
                y = Attend(x, position, p => _first[rows.BlockTable[p / StepBatch.BlockSize], p % StepBatch.BlockSize]);
                _second[block, offset] = Key(y);
                y = Attend(y, position, p => _second[rows.BlockTable[p / StepBatch.BlockSize], p % StepBatch.BlockSize]);
            }
            if (rows.Sampling is { } sampling)
                tokens.Add(new SampledToken(rows.Id, rows.Length, Sample(sampling, rows.Id.Completion, rows.Length, y, State(rows, sampling))));
        }
        foreach (BlockFill fill in step.Fills) Hashes[fill.Block] = fill.Hash;
        return [.. tokens];
    }

    /// <summary>The generated ids of one completion, computed without blocks, steps or a scheduler.</summary>
    public static List<int> Oracle(GenerateRequest request, int completion)
    {
        List<int> ids = [.. request.PromptIds];
        List<ulong> first = [], second = [];
        ulong state = 0;
        for (int position = 0; ; position++)
        {
            ulong x = Embed(ids[position], position);
            first.Add(Key(x));
            ulong y = Attend(x, position, p => first[p]);
            second.Add(Key(y));
            y = Attend(y, position, p => second[p]);
            state = Mix(state, (ulong)ids[position]);
            if (position < ids.Count - 1) continue;
            int id = Sample(request.Sampling, completion, ids.Count, y, request.Sampling.NeedsHistory ? state : 0);
            ids.Add(id);
            bool stop = (!request.Sampling.IgnoreEos && request.Sampling.EosTokenIds.Contains(id)) || request.Sampling.StopTokenIds.Contains(id);
            if (stop || ids.Count - request.PromptIds.Length == request.MaxTokens) return ids[request.PromptIds.Length..];
        }
    }

    private ulong State(StepSequence rows, SamplingOptions sampling)
    {
        if (!sampling.NeedsHistory)
        {
            Assert.Null(rows.History);
            return 0;
        }
        ulong state = 0;
        if (rows.History is { } history)
        {
            Assert.Equal(rows.Length, history.Length);
            foreach (int id in history) state = Mix(state, (ulong)id);
        }
        else
        {
            (state, int length) = _head[rows.Id];
            Assert.Equal(rows.FirstPosition, length);
            foreach (int id in rows.TokenIds) state = Mix(state, (ulong)id);
        }
        _head[rows.Id] = (state, rows.Length);
        return state;
    }

    private static ulong Embed(int id, int position) => Mix(Mix(1, (ulong)id), (ulong)position);

    private static ulong Key(ulong x) => Mix(2, x);

    private static ulong Attend(ulong x, int position, Func<int, ulong> read)
    {
        for (int p = 0; p <= position; p++) x = Mix(x, read(p));
        return x;
    }

    private static int Sample(SamplingOptions sampling, int completion, int position, ulong y, ulong state) =>
        (int)(Mix(Mix(Mix(Mix(y, state), sampling.Seed), (ulong)completion), (ulong)position) % Vocabulary);

    private static ulong Mix(ulong a, ulong b)
    {
        a = (a ^ b) * 0x9E3779B97F4A7C15;
        return a ^ (a >> 29) ^ (b << 7);
    }
}
