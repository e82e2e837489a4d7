using System.Text.Json;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Gateway;

/// <summary>
/// Writes OpenAI's completion objects: the whole answer, or one chunk of a stream. Both have the same fields; one id, time and
/// model name for all chunks of a call.
/// </summary>
/// <seealso href="https://platform.openai.com/docs/api-reference/completions/object">OpenAI: the completion object</seealso>
internal sealed class CompletionJson(IServedModel model)
{
    /// <summary>JSON has no infinity; OpenAI sends this instead.</summary>
    private const float LeastLogprob = -9999;

    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
    private readonly string _fingerprint = "fp_" + model.Info.Fingerprint[..Math.Min(16, model.Info.Fingerprint.Length)];

    /// <summary>Begins the object, up to the beginning of <c>choices</c>.</summary>
    public void Begin(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("id", _id);
        json.WriteString("object", "text_completion");
        json.WriteNumber("created", _created);
        json.WriteString("model", model.Info.Name);
        json.WriteString("system_fingerprint", _fingerprint);
        json.WriteStartArray("choices");
    }

    /// <summary>Writes a choice, or a piece of one.</summary>
    public void Choice(Utf8JsonWriter json, int index, string text, LogprobRows? logprobs, FinishReason finish)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        json.WriteNumber("index", index);
        json.WritePropertyName("logprobs");
        if (logprobs is null) json.WriteNullValue();
        else Logprobs(json, logprobs);
        json.WriteString("finish_reason", finish switch
        {
            FinishReason.None => null,
            FinishReason.Stop => "stop",
            FinishReason.Length => "length",
            _ => throw new ArgumentOutOfRangeException(nameof(finish)),
        });
        json.WriteEndObject();
    }

    /// <summary>Ends <c>choices</c>.</summary>
    public static void EndChoices(Utf8JsonWriter json) => json.WriteEndArray();

    /// <summary>Writes the counts of tokens.</summary>
    public static void Usage(Utf8JsonWriter json, int prompt, int completion)
    {
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", prompt);
        json.WriteNumber("completion_tokens", completion);
        json.WriteNumber("total_tokens", prompt + completion);
        json.WriteEndObject();
    }

    private void Logprobs(Utf8JsonWriter json, LogprobRows rows)
    {
        Tokenizer tokenizer = model.Tokenizer;
        json.WriteStartObject();
        json.WriteStartArray("tokens");
        foreach (GeneratedToken token in rows.Tokens) json.WriteStringValue(TokenName.Of(tokenizer, token.Id));
        json.WriteEndArray();
        json.WriteStartArray("token_logprobs");
        foreach (GeneratedToken token in rows.Tokens) json.WriteNumberValue(Finite(token.Logprobs!.Chosen));
        json.WriteEndArray();
        json.WriteStartArray("top_logprobs");
        foreach (GeneratedToken token in rows.Tokens) TopLogprobs(json, tokenizer, token);
        json.WriteEndArray();
        json.WriteStartArray("text_offset");
        foreach (int offset in rows.Offsets) json.WriteNumberValue(offset);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The alternatives, best first, and the chosen token where it is none of them. Of tokens that are written alike the best one counts.</summary>
    private static void TopLogprobs(Utf8JsonWriter json, Tokenizer tokenizer, GeneratedToken token)
    {
        TokenLogprobs logprobs = token.Logprobs!;
        HashSet<string> written = [];
        json.WriteStartObject();
        for (int i = 0; i < logprobs.TopIds.Length; i++)
        {
            string name = TokenName.Of(tokenizer, logprobs.TopIds[i]);
            if (written.Add(name)) json.WriteNumber(name, Finite(logprobs.TopLogprobs[i]));
        }

        string chosen = TokenName.Of(tokenizer, token.Id);
        if (written.Add(chosen)) json.WriteNumber(chosen, Finite(logprobs.Chosen));
        json.WriteEndObject();
    }

    private static float Finite(float value) => float.IsFinite(value) ? value : LeastLogprob;
}
