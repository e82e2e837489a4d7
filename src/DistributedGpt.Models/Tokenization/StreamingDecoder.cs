namespace DistributedGpt.Models;

/// <summary>
/// Turns token ids into text while they are generated. A piece is given out as soon as no later token can change it, never half
/// a character; the pieces joined, with what <see cref="Flush"/> gives, equal the decoding of the whole.
/// </summary>
/// <remarks>
/// The text of a completion is what its tokens add to the text of the prompt: the decoding of prompt and completion without
/// the beginning that it has in common with the decoding of the prompt. So a word that follows a prompt keeps its space, and
/// a character begun in the prompt appears when it is complete. Not safe for concurrent use.
/// </remarks>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _showSpecialTokens;
    private readonly DecoderStage _head;
    private readonly TextStage _text;
    private string _known = "";

    /// <summary>Begins a text.</summary>
    /// <param name="tokenizer">Whose ids are decoded.</param>
    /// <param name="prompt">The tokens that the text follows; they give no text themselves.</param>
    /// <param name="showSpecialTokens">Whether special tokens appear in the text.</param>
    public StreamingDecoder(Tokenizer tokenizer, ReadOnlySpan<int> prompt = default, bool showSpecialTokens = false)
    {
        _tokenizer = tokenizer;
        _showSpecialTokens = showSpecialTokens;
        DecoderStage[] stages = tokenizer.Decoder.Start();
        (_head, _text) = Connect(stages);
        foreach (int id in prompt)
            Add(id);
        _text.Take();

        // What the end of the prompt would give is no part of the completion, but is held until a token follows.
        if (!prompt.IsEmpty)
        {
            (DecoderStage head, TextStage end) = Connect([.. stages.Select(stage => stage.Clone())]);
            head.Flush(dropIncomplete: false);
            _known = end.Take();
        }
    }

    /// <summary>Adds a token and gives the text that has become certain; an id that the tokenizer does not know adds nothing.</summary>
    public string Push(int id)
    {
        Add(id);
        return Take();
    }

    /// <summary>Ends the text and gives what was held back.</summary>
    /// <param name="dropIncomplete">
    /// Whether an incomplete character at the end is dropped, as a reader wants it of a text that was cut off; otherwise it becomes
    /// U+FFFD, as in the decoding of the whole.
    /// </param>
    public string Flush(bool dropIncomplete = false)
    {
        _head.Flush(dropIncomplete);
        return Take();
    }

    private static (DecoderStage Head, TextStage Text) Connect(DecoderStage[] stages)
    {
        var text = new TextStage();
        for (int i = 0; i < stages.Length; i++)
            stages[i].ConnectTo(i + 1 < stages.Length ? stages[i + 1] : text);
        return (stages.Length > 0 ? stages[0] : text, text);
    }

    private void Add(int id)
    {
        string? token = _tokenizer.FindToken(id);
        if (token is not null && (_showSpecialTokens || !_tokenizer.IsSpecial(id)))
            _head.Push(token);
    }

    private string Take()
    {
        string text = _text.Take();
        if (_known.Length == 0)
            return text;
        int common = text.AsSpan().CommonPrefixLength(_known);
        _known = common < text.Length ? "" : _known[common..];
        return text[common..];
    }
}
