namespace DistributedGpt.Cli;

/// <summary>A completion as JSON.</summary>
internal sealed record ChoiceObject
{
    public required int Index { get; init; }

    public required string Text { get; init; }

    public required int[] TokenIds { get; init; }

    public required string FinishReason { get; init; }

    public TokenObject[]? Logprobs { get; init; }
}
