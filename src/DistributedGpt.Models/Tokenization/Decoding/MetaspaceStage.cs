namespace DistributedGpt.Models;

/// <summary>
/// Turns <paramref name="replacement"/> into spaces, and into nothing in the first piece where encoding put one before the
/// text (<paramref name="prepended"/>). Pieces that are <paramref name="fused"/> are all the first one.
/// </summary>
internal sealed class MetaspaceStage(char replacement, bool prepended, bool fused) : DecoderStage
{
    private bool _first = true;

    /// <inheritdoc/>
    public override void Push(string piece)
    {
        PassOn(_first && prepended
            ? piece.Replace(replacement.ToString(), "", StringComparison.Ordinal)
            : piece.Replace(replacement, ' '));
        _first &= fused;
    }
}
