namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// The mathematics of the fake model: a token's hidden state is a hash of its input and of everything that attention reads, and
/// the sampled token a hash of that. Both the fake layers and the oracle use it; only the layers go through blocks.
/// </summary>
internal static class FakeModel
{
    /// <summary>Different tokens that a text can need; each comes in <see cref="Variants"/>, of which an exact device always takes the first.</summary>
    private const int Kinds = 61;

    public const int Variants = 8;

    public const int Vocabulary = Kinds * Variants;

    /// <summary>All variants of kind 0.</summary>
    public static readonly int[] EosTokenIds = [.. Enumerable.Range(0, Variants)];

    /// <summary>All variants of kind 1.</summary>
    public static readonly int[] StopTokenIds = [.. Enumerable.Range(Variants, Variants)];

    public static ulong Embed(int token, int position) => Mix.In((ulong)token + 1, (ulong)position);

    /// <summary>The input of the first layer <c>[rows]</c>.</summary>
    public static ulong[] Embed(StepBatch batch) =>
        [.. batch.Sequences.SelectMany(sequence => sequence.TokenIds.Select((id, i) => Embed(id, sequence.FirstPosition + i)))];

    public static ulong KeyValue(int layer, ulong x) => Mix.In((ulong)layer + 100, x);

    /// <summary>Attention of layer <paramref name="layer"/> begins with this and takes in the keys of positions 0 to its own.</summary>
    public static ulong Query(int layer, ulong x) => Mix.In((ulong)layer + 200, x);

    /// <summary>What a sampler folds over the ids so far, where it needs them.</summary>
    public static ulong Fold(ulong history, int id) => Mix.In(history, (ulong)id);

    /// <summary>Which kind of token comes next.</summary>
    /// <param name="hidden">The last layer's output.</param>
    /// <param name="sampling">The options.</param>
    /// <param name="completion">The completion's index.</param>
    /// <param name="position">The new token's position.</param>
    /// <param name="generated">Tokens generated before it.</param>
    /// <param name="history">The fold over all ids before it; used where the options need it.</param>
    public static int Kind(ulong hidden, SamplingOptions sampling, int completion, int position, int generated, ulong history)
    {
        ulong logits = hidden;
        if (sampling.NeedsHistory) logits = Mix.In(logits, history);
        if (sampling.Temperature != 0) logits = Mix.In(Mix.In(Mix.In(logits, sampling.Seed), (ulong)completion), (ulong)position);
        int kind = (int)(logits % Kinds);
        bool mayEnd = generated >= sampling.MinTokens;
        return !mayEnd && sampling.IsStopToken(kind * Variants) ? Kinds - 1 : kind;
    }

    public static TokenLogprobs? Logprobs(ulong hidden, SamplingOptions sampling) =>
        sampling.Logprobs is null ? null : new TokenLogprobs(-(float)(hidden % 4096), [], []);
}
