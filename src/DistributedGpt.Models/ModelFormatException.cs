using System.Text;

namespace DistributedGpt.Models;

/// <summary>A model folder that cannot be used; the message names the file, the tensor or key, what was expected and what was found.</summary>
public sealed class ModelFormatException(string message, Exception? inner = null) : Exception(message, inner)
{
    private const int LongestPart = 160;

    /// <summary>
    /// The one-line message <c>FILE: TENSOR-or-KEY: expected X, found Y</c>. What comes from a file is cut to a readable length, and
    /// its control characters are escaped.
    /// </summary>
    public static ModelFormatException Of(string file, string part, string expected, string found, Exception? inner = null) =>
        new($"{Line(file)}: {Line(part)}: expected {Line(expected)}, found {Line(found)}", inner);

    private static string Line(string text)
    {
        if (text.Length == 0) return "an empty text";
        StringBuilder line = new();
        foreach (char character in text.Length > LongestPart ? text[..LongestPart] + "..." : text)
        {
            if (char.IsControl(character) || char.IsSurrogate(character) || character is '\u2028' or '\u2029')
                line.Append($"\\u{(int)character:x4}");
            else
                line.Append(character);
        }
        return line.ToString();
    }
}
