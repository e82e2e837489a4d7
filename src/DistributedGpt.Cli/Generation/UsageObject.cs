namespace DistributedGpt.Cli;

/// <summary>Counts of tokens as JSON.</summary>
internal sealed record UsageObject(int PromptTokens, int CompletionTokens, int TotalTokens);
