using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cli;

/// <summary>The one object that <c>generate --json</c> prints.</summary>
internal static partial class GenerationJson
{
    private static readonly GenerationJsonContext Context = new(new JsonSerializerOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    });

    /// <summary>The object in one line.</summary>
    public static string Write(GenerationResult result)
    {
        ChoiceObject[] choices = [.. result.Choices.Select((choice, index) => Describe(result, choice, index))];
        ChoiceObject first = choices[0];
        string json = JsonSerializer.Serialize(
            new GenerationObject
            {
                Text = first.Text,
                TokenIds = first.TokenIds,
                FinishReason = first.FinishReason,
                Usage = new UsageObject(
                    result.Request.PromptIds.Length, result.GeneratedTokens, result.Request.PromptIds.Length + result.GeneratedTokens),
                Timings = new TimingsObject(
                    Milliseconds(result.FirstToken), Milliseconds(result.Total), Math.Round(result.TokensPerSecond, 2)),
                Seed = unchecked((long)result.Request.Sampling.Seed),
                Logprobs = first.Logprobs,
                Choices = choices.Length > 1 ? choices : null,
            },
            Context.GenerationObject);

        // The serializer escapes what is beyond the basic plane, such as emoji, although UTF-8 can say it.
        return EscapedPair().Replace(json, pair => string.Concat(Unescape(pair.Groups[1]), Unescape(pair.Groups[2])));
    }

    private static char Unescape(Group hexadecimal) => (char)Convert.ToUInt16(hexadecimal.Value, 16);

    private static ChoiceObject Describe(GenerationResult result, GeneratedChoice choice, int index) => new()
    {
        Index = index,
        Text = choice.Text.ToString(),
        TokenIds = [.. choice.Tokens.Select(token => token.Id)],
        FinishReason = choice.Finish switch
        {
            FinishReason.Stop => "stop",
            FinishReason.Length => "length",
            _ => throw new InvalidOperationException("the completion has not ended"),
        },
        Logprobs = result.Request.Sampling.Logprobs is null ? null : [.. choice.Tokens.Select(token => Describe(result.Tokenizer, token))],
    };

    private static TokenObject Describe(Tokenizer tokenizer, GeneratedToken token)
    {
        TokenLogprobs logprobs = token.Logprobs!;
        return new TokenObject(
            token.Id, tokenizer.GetTokenText(token.Id), Finite(logprobs.Chosen),
            [.. logprobs.TopIds.Zip(logprobs.TopLogprobs, (id, logprob) => new AlternativeObject(id, tokenizer.GetTokenText(id), Finite(logprob)))]);
    }

    /// <summary>JSON has no infinity.</summary>
    private static float Finite(float value) => float.IsFinite(value) ? value : -9999;

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);

    /// <summary>Two escapes that are one character, where the first backslash is not itself escaped.</summary>
    [GeneratedRegex(@"(?<=(?<!\\)(?:\\\\)*)\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})")]
    private static partial Regex EscapedPair();
}
