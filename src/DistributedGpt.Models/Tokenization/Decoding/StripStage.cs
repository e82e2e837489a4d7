namespace DistributedGpt.Models;

/// <summary>
/// Takes up to <paramref name="start"/> characters <paramref name="content"/> from the beginning and up to
/// <paramref name="stop"/> from the end: of the whole text where the pieces are <paramref name="fused"/>, else of each piece.
/// </summary>
internal sealed class StripStage(char content, int start, int stop, bool fused) : DecoderStage
{
    private int _stripped;
    private string _held = "";

    /// <inheritdoc/>
    public override void Push(string piece)
    {
        int from = 0;
        while (from < piece.Length && _stripped < start && piece[from] == content)
        {
            from++;
            _stripped++;
        }

        if (from < piece.Length)
            _stripped = start;
        string text = _held + piece[from..];
        int to = text.Length;
        while (to > 0 && text.Length - to < stop && text[to - 1] == content)
            to--;
        _held = text[to..];
        PassOn(text[..to]);
        if (!fused)
            (_stripped, _held) = (0, "");
    }
}
