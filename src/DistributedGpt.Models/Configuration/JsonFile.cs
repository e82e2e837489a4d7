using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;

namespace DistributedGpt.Models;

/// <summary>Reads the JSON files of a model folder, which nobody has vouched for: every defect is a <see cref="ModelFormatException"/>.</summary>
internal static class JsonFile
{
    private const int LongestFile = 256 << 20;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>The object that the file <paramref name="name"/> in <paramref name="folder"/> holds.</summary>
    public static ConfigSection Read(string folder, string name)
    {
        ReadOnlyMemory<byte> utf8 = ReadBytes(folder, name);
        if (utf8.Span.StartsWith("\ufeff"u8)) utf8 = utf8[3..];
        return new(name, "", ParseObject(name, "JSON", utf8));
    }

    /// <summary>As <see cref="Read"/>, or null where there is no such file.</summary>
    public static ConfigSection? ReadIfPresent(string folder, string name) =>
        Path.Exists(Path.Combine(folder, name)) ? Read(folder, name) : null;

    /// <summary>The bytes of a file, which must exist and have a sensible length.</summary>
    public static byte[] ReadBytes(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        long length = FolderFile.RequireContent(path, name);
        if (length > LongestFile) throw ModelFormatException.Of(name, "file", $"at most {LongestFile} bytes", $"{length}");
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw ModelFormatException.Of(name, "file", "a readable file", error.Message, error);
        }
    }

    /// <summary>Parses a JSON object in which every string is sound Unicode and no key stands twice.</summary>
    /// <param name="file">The file's name, for errors.</param>
    /// <param name="part">What in the file is parsed, for errors.</param>
    /// <param name="utf8">The text.</param>
    public static JsonElement ParseObject(string file, string part, ReadOnlyMemory<byte> utf8)
    {
        if (!Utf8.IsValid(utf8.Span)) throw ModelFormatException.Of(file, part, "UTF-8", "other bytes");
        RequireSoundEscapes(file, part, utf8.Span);
        JsonElement root = Parse(file, part, utf8);
        if (root.ValueKind != JsonValueKind.Object)
            throw ModelFormatException.Of(file, part, "an object", ConfigSection.Describe(root));
        return root;
    }

    private static JsonElement Parse(string file, string part, ReadOnlyMemory<byte> utf8)
    {
        if (TryParse(utf8, out JsonElement root, out _)) return root;
        // Python writes NaN and Infinity as bare words; as strings they harm only who wants a number there.
        if (TryParse(QuoteConstants(utf8.Span), out root, out JsonException? error)) return root;
        throw ModelFormatException.Of(file, part, "valid JSON", Describe(error), error);
    }

    private static bool TryParse(ReadOnlyMemory<byte> utf8, out JsonElement root, [NotNullWhen(false)] out JsonException? error)
    {
        try
        {
            root = JsonDocument.Parse(utf8, Strict).RootElement;
            error = null;
            return true;
        }
        catch (JsonException caught)
        {
            root = default;
            error = caught;
            return false;
        }
    }

    private static string Describe(JsonException error)
    {
        string reason = error.Message.Split(" LineNumber:")[0];
        return error.LineNumber is long line ? $"an error at line {line + 1}, byte {error.BytePositionInLine + 1}: {reason}" : reason;
    }

    /// <summary>A lone surrogate such as <c>"\ud83d"</c> passes the parser and throws only when the string is read: find it here.</summary>
    private static void RequireSoundEscapes(string file, string part, ReadOnlySpan<byte> utf8)
    {
        for (int at = 0; at < utf8.Length; at++)
        {
            if (utf8[at] != (byte)'\\') continue;
            int unit = EscapedUnit(utf8[at..]);
            at++;
            if (unit is < 0xd800 or > 0xdfff) continue;
            int next = at + 5 <= utf8.Length ? EscapedUnit(utf8[(at + 5)..]) : -1;
            if (unit > 0xdbff || next is < 0xdc00 or > 0xdfff)
                throw ModelFormatException.Of(file, part, "Unicode text", $"the lone surrogate \\u{unit:x4} at byte {at - 1}");
            at += 6;
        }
    }

    /// <summary>The UTF-16 unit that an escape <c>\uXXXX</c> at the start of the text names, or -1.</summary>
    private static int EscapedUnit(ReadOnlySpan<byte> text) =>
        text.Length >= 6 && text[0] == (byte)'\\' && text[1] == (byte)'u'
        && int.TryParse(text.Slice(2, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out int unit) ? unit : -1;

    private static byte[] QuoteConstants(ReadOnlySpan<byte> utf8)
    {
        MemoryStream result = new(utf8.Length + 64);
        bool inString = false;
        for (int at = 0; at < utf8.Length; at++)
        {
            ReadOnlySpan<byte> rest = utf8[at..];
            int word = inString ? 0 : rest.StartsWith("NaN"u8) ? 3 : rest.StartsWith("Infinity"u8) ? 8 : rest.StartsWith("-Infinity"u8) ? 9 : 0;
            if (word > 0)
            {
                result.WriteByte((byte)'"');
                result.Write(rest[..word]);
                result.WriteByte((byte)'"');
                at += word - 1;
                continue;
            }
            if (utf8[at] == (byte)'"') inString = !inString;
            else if (utf8[at] == (byte)'\\' && rest.Length > 1) result.WriteByte(utf8[at++]);
            result.WriteByte(utf8[at]);
        }
        return result.ToArray();
    }
}
