namespace DistributedGpt.Cli;

/// <summary>An alternative to a token as JSON.</summary>
internal sealed record AlternativeObject(int Id, string Token, float Logprob);
