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
