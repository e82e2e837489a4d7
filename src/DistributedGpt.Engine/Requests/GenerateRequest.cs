using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// A request for one or more completions of a prompt. Submitting it again under the same <see cref="Id"/> with a higher
/// <see cref="Submission"/> is idempotent: the coordinator goes on after the tokens in <see cref="Delivered"/>.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record GenerateRequest
{
    /// <summary>Names the request for its whole life.</summary>
    [Id(0)] public required Guid Id { get; init; }

    /// <summary>Counts the submissions of this request, from 1; token batches carry it.</summary>
    [Id(1)] public int Submission { get; init; } = 1;

    /// <summary>The prompt, at least one token.</summary>
    [Id(2)] public required int[] PromptIds { get; init; }

    /// <summary>At most so many tokens are generated per completion, at least one.</summary>
    [Id(3)] public required int MaxTokens { get; init; }

    /// <summary>How many completions are generated; they share the prompt's full blocks.</summary>
    [Id(4)] public int Completions { get; init; } = 1;

    /// <summary>How tokens are chosen.</summary>
    [Id(5)] public required SamplingOptions Sampling { get; init; }

    /// <summary>The ids already delivered, per completion; empty at the first submission.</summary>
    [Id(6)] public int[][] Delivered { get; init; } = [];

    /// <summary>Cached blocks are shared only between requests with the same salt.</summary>
    [Id(7)] public string CacheSalt { get; init; } = "";

    /// <summary>Completions that have ended for the client, at a stop string: nothing more is generated for them.</summary>
    [Id(8)] public int[] Stopped { get; init; } = [];

    /// <summary>Whether a completion ends with its latest token.</summary>
    /// <param name="generated">Its length, that token included.</param>
    /// <param name="lastId">The token.</param>
    public FinishReason FinishAfter(int generated, int lastId)
    {
        if (Sampling.IsStopToken(lastId)) return FinishReason.Stop;
        return generated >= MaxTokens ? FinishReason.Length : FinishReason.None;
    }
}
