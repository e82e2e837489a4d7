namespace DistributedGpt.Cli;

/// <summary>A token's log-probability as JSON.</summary>
internal sealed record TokenObject(int Id, string Token, float Logprob, AlternativeObject[] TopLogprobs);
