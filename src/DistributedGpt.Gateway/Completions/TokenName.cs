using System.Text;
using DistributedGpt.Models;

namespace DistributedGpt.Gateway;

/// <summary>A token's text in log-probabilities: as OpenAI writes it, parts of characters are spelt <c>bytes:\xf0\x9f</c>.</summary>
internal static class TokenName
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text of the token <paramref name="id"/>; empty where the tokenizer does not know it.</summary>
    public static string Of(Tokenizer tokenizer, int id)
    {
        byte[] bytes = tokenizer.GetTokenBytes(id);
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return "bytes:" + string.Concat(bytes.Select(value => $"\\x{value:x2}"));
        }
    }
}
