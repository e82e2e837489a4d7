using System.Buffers;
using System.Globalization;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// GPT-2's splitting of a text into pieces, which merges do not cross: contractions, runs of letters, of digits and of other
/// characters, each with one space before it, and runs of white space. Works on code points, as the library does
/// (.NET's regular expressions see UTF-16).
/// </summary>
internal static class Gpt2Splitter
{
    private static readonly string[] Contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

    private enum Kind
    {
        Letter,
        Digit,
        Space,
        Other,
    }

    /// <summary>Where the first piece of <paramref name="text"/> ends; the text is not empty.</summary>
    public static int NextLength(ReadOnlySpan<char> text)
    {
        foreach (string contraction in Contractions)
        {
            if (text.StartsWith(contraction, StringComparison.Ordinal))
                return contraction.Length;
        }

        Kind first = KindAt(text, out int length);
        if (first == Kind.Space)
        {
            if (text[0] == ' ' && text.Length > 1 && KindAt(text[1..], out _) is Kind next and not Kind.Space)
                return 1 + RunLength(text[1..], next);

            // White space before something else leaves its last character to it.
            int run = RunLength(text, Kind.Space);
            return run == text.Length || run == length ? run : run - LastLength(text[..run]);
        }

        return RunLength(text, first);
    }

    private static int RunLength(ReadOnlySpan<char> text, Kind kind)
    {
        int at = 0;
        while (at < text.Length && KindAt(text[at..], out int length) == kind)
            at += length;
        return at;
    }

    private static int LastLength(ReadOnlySpan<char> text)
    {
        Rune.DecodeLastFromUtf16(text, out _, out int length);
        return length;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, out int length)
    {
        if (Rune.DecodeFromUtf16(text, out Rune rune, out length) != OperationStatus.Done)
            return Kind.Other;
        if (Rune.IsWhiteSpace(rune))
            return Kind.Space;
        return Rune.GetUnicodeCategory(rune) switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Digit,
            _ => Kind.Other,
        };
    }
}
