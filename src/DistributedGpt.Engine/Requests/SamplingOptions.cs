using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// How the next token is chosen. Applied in this order: logit bias, repetition, presence and frequency penalties, temperature,
/// top-k, top-p, min-p. A record of defaults is greedy decoding without restrictions.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record SamplingOptions
{
    /// <summary>0 is greedy; otherwise logits are divided by it.</summary>
    [Id(0)] public float Temperature { get; init; }

    /// <summary>Only the k most probable tokens remain; 0 is off.</summary>
    [Id(1)] public int TopK { get; init; }

    /// <summary>Only the smallest set of tokens remains whose probabilities add up to this; 1 is off, 0 leaves the top token.</summary>
    [Id(2)] public float TopP { get; init; } = 1;

    /// <summary>Only tokens at least this times as probable as the top token remain; 0 is off.</summary>
    [Id(3)] public float MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens in the prompt or generated so far; 1 is off.</summary>
    [Id(4)] public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Subtracted once from the logits of tokens generated so far; 0 is off.</summary>
    [Id(5)] public float PresencePenalty { get; init; }

    /// <summary>Subtracted from a token's logit as often as it was generated so far; 0 is off.</summary>
    [Id(6)] public float FrequencyPenalty { get; init; }

    /// <summary>Token ids whose logits are shifted, beside <see cref="LogitBiasValues"/>.</summary>
    [Id(7)] public int[] LogitBiasIds { get; init; } = [];

    /// <summary>What is added to the logits of <see cref="LogitBiasIds"/>.</summary>
    [Id(8)] public float[] LogitBiasValues { get; init; } = [];

    /// <summary>The seed of every random choice; a token's key is a hash of seed, completion index and position.</summary>
    [Id(9)] public ulong Seed { get; init; }

    /// <summary>End-of-sequence tokens are ordinary results.</summary>
    [Id(10)] public bool IgnoreEos { get; init; }

    /// <summary>Until so many tokens are generated, no end-of-sequence or stop token can be chosen.</summary>
    [Id(11)] public int MinTokens { get; init; }

    /// <summary>The model's end-of-sequence tokens.</summary>
    [Id(12)] public int[] EosTokenIds { get; init; } = [];

    /// <summary>Further tokens that end the generation.</summary>
    [Id(13)] public int[] StopTokenIds { get; init; } = [];

    /// <summary>Null: no log-probabilities; n: the chosen token's and those of the n most probable tokens, of the model's own distribution.</summary>
    [Id(14)] public int? Logprobs { get; init; }

    /// <summary>Whether the choice depends on the tokens so far, beyond the logits.</summary>
    public bool NeedsHistory => RepetitionPenalty != 1 || PresencePenalty != 0 || FrequencyPenalty != 0;

    /// <summary>Whether this token ends a completion.</summary>
    /// <param name="id">The token.</param>
    public bool IsStopToken(int id) => (!IgnoreEos && EosTokenIds.Contains(id)) || StopTokenIds.Contains(id);
}
