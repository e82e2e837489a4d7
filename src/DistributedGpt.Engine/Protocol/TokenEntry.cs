using Orleans;

namespace DistributedGpt.Engine;

/// <summary>One generated token on its way to the client. The last token of a completion carries its finish reason, so both arrive together.</summary>
/// <param name="Submission">The submission of the request that it answers; a client drops tokens of older ones.</param>
/// <param name="Token">The token.</param>
[GenerateSerializer, Immutable]
public sealed record TokenEntry([property: Id(0)] int Submission, [property: Id(1)] TokenEvent Token);
