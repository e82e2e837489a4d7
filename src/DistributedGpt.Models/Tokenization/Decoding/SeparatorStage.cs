namespace DistributedGpt.Models;

/// <summary>Puts a space between pieces: what the library does without a decoder.</summary>
internal sealed class SeparatorStage : DecoderStage
{
    private bool _first = true;

    /// <inheritdoc/>
    public override void Push(string piece)
    {
        PassOn(_first ? piece : " " + piece);
        _first = false;
    }
}
