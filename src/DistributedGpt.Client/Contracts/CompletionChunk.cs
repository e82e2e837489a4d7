using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>
/// A piece of one completion's text, as soon as it is certain: never half a character, never the beginning of a stop string.
/// The pieces joined are the text. The last chunk of a completion carries its finish reason; its text may be empty.
/// </summary>
/// <param name="Completion">The completion's index, from 0.</param>
/// <param name="Text">The text, possibly empty.</param>
/// <param name="Tokens">The tokens that became certain with it, in order; each token of the completion occurs once.</param>
/// <param name="Finish">Why the completion ended, in its last chunk.</param>
public sealed record CompletionChunk(int Completion, string Text, IReadOnlyList<GeneratedToken> Tokens, FinishReason Finish);
