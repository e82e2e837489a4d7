using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>A generated token.</summary>
/// <param name="Id">The token.</param>
/// <param name="Logprobs">Its log-probabilities, where asked for.</param>
public readonly record struct GeneratedToken(int Id, TokenLogprobs? Logprobs);
