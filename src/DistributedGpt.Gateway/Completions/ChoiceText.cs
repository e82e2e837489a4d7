using System.Text;
using DistributedGpt.Client;
using DistributedGpt.Models;

namespace DistributedGpt.Gateway;

/// <summary>
/// Where the tokens of one completion stand in its text, for <c>text_offset</c>: counted in code points, as OpenAI's clients in
/// Python count. A token stands where its first character begins; a token that continues a character stands after that.
/// </summary>
internal sealed class ChoiceText(Tokenizer tokenizer)
{
    private int _tokenEnd;
    private int _textEnd;

    /// <summary>The tokens of a chunk with their offsets. Called once for each chunk, in order.</summary>
    public IReadOnlyList<int> Add(CompletionChunk chunk)
    {
        _textEnd += CodePoints(chunk.Text);
        var offsets = new int[chunk.Tokens.Count];
        for (int i = 0; i < offsets.Length; i++)
        {
            // A stop string may have cut the text before the token.
            offsets[i] = Math.Min(_tokenEnd, _textEnd);
            int id = chunk.Tokens[i].Id;
            if (!tokenizer.IsSpecial(id)) _tokenEnd += FirstBytes(tokenizer.GetTokenBytes(id));
        }

        return offsets;
    }

    private static int CodePoints(string text)
    {
        int count = 0;
        foreach (Rune _ in text.EnumerateRunes()) count++;
        return count;
    }

    /// <summary>Bytes that begin a character in UTF-8: all but 10xxxxxx.</summary>
    private static int FirstBytes(ReadOnlySpan<byte> utf8)
    {
        int count = 0;
        foreach (byte value in utf8)
        {
            if ((value & 0xC0) != 0x80) count++;
        }

        return count;
    }
}
