namespace DistributedGpt.Models;

/// <summary>Replaces a text within each piece (the library's <c>Replace</c> with a string pattern).</summary>
internal sealed class ReplaceStage(string pattern, string content) : DecoderStage
{
    /// <inheritdoc/>
    public override void Push(string piece) => PassOn(piece.Replace(pattern, content, StringComparison.Ordinal));
}
