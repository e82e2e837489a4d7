namespace DistributedGpt.Cli;

/// <summary>A generation as JSON; the fields of the first completion stand at the top.</summary>
internal sealed record GenerationObject
{
    public required string Text { get; init; }

    public required int[] TokenIds { get; init; }

    public required string FinishReason { get; init; }

    public required UsageObject Usage { get; init; }

    public required TimingsObject Timings { get; init; }

    public required long Seed { get; init; }

    public TokenObject[]? Logprobs { get; init; }

    public ChoiceObject[]? Choices { get; init; }
}

/// <summary>A completion as JSON.</summary>
internal sealed record ChoiceObject
{
    public required int Index { get; init; }

    public required string Text { get; init; }

    public required int[] TokenIds { get; init; }

    public required string FinishReason { get; init; }

    public TokenObject[]? Logprobs { get; init; }
}

/// <summary>Counts of tokens as JSON.</summary>
internal sealed record UsageObject(int PromptTokens, int CompletionTokens, int TotalTokens);

/// <summary>Times as JSON.</summary>
internal sealed record TimingsObject(double FirstTokenMs, double TotalMs, double TokensPerSecond);

/// <summary>A token's log-probability as JSON.</summary>
internal sealed record TokenObject(int Id, string Token, float Logprob, AlternativeObject[] TopLogprobs);

/// <summary>An alternative to a token as JSON.</summary>
internal sealed record AlternativeObject(int Id, string Token, float Logprob);
