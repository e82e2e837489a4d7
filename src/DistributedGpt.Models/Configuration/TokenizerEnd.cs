using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>The token that a folder's tokenizer calls the end of a sequence.</summary>
internal static class TokenizerEnd
{
    /// <summary>
    /// The id of <c>tokenizer_config.json</c>'s <c>eos_token</c> as <c>tokenizer.json</c>'s <c>added_tokens</c> give it, or null where
    /// they do not say. A defect of <c>tokenizer.json</c> is left to whoever loads the tokenizer.
    /// </summary>
    public static long? Find(string folder)
    {
        if (JsonFile.ReadIfPresent(folder, "tokenizer_config.json") is not ConfigSection config) return null;
        if (!config.TryGet("eos_token", out JsonElement token)) return null;
        string? content = token.ValueKind == JsonValueKind.Object ? config.SectionOrNull("eos_token")!.Value.TextOrNull("content") : config.TextOrNull("eos_token");
        if (content is null || !File.Exists(Path.Combine(folder, TokenizerFile.Name))) return null;
        return FindAdded(JsonFile.ReadBytes(folder, TokenizerFile.Name), content);
    }

    /// <summary>Reads up to the added tokens, which stand before the much longer vocabulary.</summary>
    private static long? FindAdded(ReadOnlySpan<byte> tokenizer, string content)
    {
        try
        {
            Utf8JsonReader reader = new(tokenizer);
            while (reader.Read())
            {
                if (reader.CurrentDepth != 1 || reader.TokenType != JsonTokenType.PropertyName) continue;
                bool found = reader.ValueTextEquals("added_tokens"u8);
                if (!found)
                {
                    reader.Skip();
                    continue;
                }
                reader.Read();
                foreach (JsonElement added in JsonElement.ParseValue(ref reader).EnumerateArray())
                {
                    if (added.GetProperty("content").GetString() == content) return added.GetProperty("id").GetInt64();
                }
                return null;
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
        }
        return null;
    }
}
