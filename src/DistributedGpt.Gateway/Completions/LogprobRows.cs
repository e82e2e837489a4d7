using DistributedGpt.Client;

namespace DistributedGpt.Gateway;

/// <summary>Tokens whose log-probabilities are written, with their places in the text.</summary>
/// <param name="Tokens">The tokens.</param>
/// <param name="Offsets">For each of them, the code points before it.</param>
internal sealed record LogprobRows(IReadOnlyList<GeneratedToken> Tokens, IReadOnlyList<int> Offsets);
