using System.Text;

namespace DistributedGpt.Models;

/// <summary>The end of a decoder: collects the text until it is taken.</summary>
internal sealed class TextStage : DecoderStage
{
    private readonly StringBuilder _text = new();

    /// <inheritdoc/>
    public override void Push(string piece) => _text.Append(piece);

    /// <inheritdoc/>
    public override void Flush(bool dropIncomplete)
    {
    }

    /// <summary>Gives out the text since the last call.</summary>
    public string Take()
    {
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}
