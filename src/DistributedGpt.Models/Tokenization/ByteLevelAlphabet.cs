using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// The alphabet of byte-level BPE (GPT-2): every byte has one visible character. Printable characters of Latin-1 stand for
/// themselves, the 68 other bytes for U+0100 to U+0143 in order.
/// </summary>
internal static class ByteLevelAlphabet
{
    private static readonly short[] ByteOf = new short[0x144];

    static ByteLevelAlphabet()
    {
        char[] characters = new char[256];
        char next = '\u0100';
        Array.Fill(ByteOf, (short)-1);
        for (int value = 0; value < 256; value++)
        {
            bool visible = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = visible ? (char)value : next++;
            ByteOf[characters[value]] = (short)value;
        }

        Characters = [.. characters];
    }

    /// <summary>The character of each byte.</summary>
    public static ImmutableArray<char> Characters { get; }

    /// <summary>
    /// Writes the bytes that <paramref name="token"/> stands for: those of its characters, or its UTF-8 form where one of them
    /// is not in the alphabet (as in added tokens with spaces).
    /// </summary>
    public static void Write(string token, IBufferWriter<byte> bytes)
    {
        Span<byte> span = bytes.GetSpan(token.Length);
        for (int i = 0; i < token.Length; i++)
        {
            int value = token[i] < ByteOf.Length ? ByteOf[token[i]] : -1;
            if (value < 0)
            {
                Encoding.UTF8.GetBytes(token, bytes);
                return;
            }

            span[i] = (byte)value;
        }

        bytes.Advance(token.Length);
    }
}
