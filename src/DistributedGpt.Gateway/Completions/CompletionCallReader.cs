using System.Globalization;
using System.Text.Json;
using DistributedGpt.Client;

namespace DistributedGpt.Gateway;

/// <summary>
/// Reads the body of <c>POST /v1/completions</c>: OpenAI's fields, and those that other servers of open models added (<c>top_k</c>,
/// <c>min_p</c>, <c>repetition_penalty</c>, <c>ignore_eos</c>, <c>min_tokens</c>, <c>stop_token_ids</c>).
/// </summary>
/// <seealso href="https://platform.openai.com/docs/api-reference/completions/create">OpenAI: create completion</seealso>
internal static class CompletionCallReader
{
    private const int MaxLogprobs = 5;

    /// <summary>Fields that change the text and are not built: ignoring them would answer something else than was asked.</summary>
    private static readonly string[] Unbuilt =
    [
        "suffix", "response_format", "tools", "tool_choice", "functions", "function_call", "structured_outputs", "guided_json", "guided_regex",
        "guided_choice", "guided_grammar", "json_schema", "grammar", "prompt_logprobs", "use_beam_search", "truncate_prompt_tokens",
        "include_stop_str_in_output", "logits_processors", "bad_words", "typical_p", "mirostat", "dry_multiplier", "prompt_embeds",
        "allowed_token_ids", "skip_special_tokens", "add_special_tokens",
    ];

    /// <summary>Reads the body.</summary>
    /// <exception cref="ApiException">A field has the wrong type or value, or asks for what is not built.</exception>
    public static CompletionCall Read(JsonElement root, int maxChoices)
    {
        var fields = new JsonFields(root);
        string model = fields.String("model") ?? throw ApiException.Invalid("model", "model is missing: name the model.");
        RefuseUnbuilt(fields);
        int completions = fields.Integer("n") ?? 1;
        bool stream = fields.Flag("stream");
        bool echo = fields.Flag("echo");
        CheckBestOf(fields, completions, stream);
        int? logprobs = ReadLogprobs(fields, echo);
        int? maxTokens = fields.Integer("max_tokens");
        var template = new CompletionRequest
        {
            MaxTokens = maxTokens == 0 ? 1 : maxTokens,
            Completions = completions,
            Temperature = fields.Number("temperature"),
            TopK = fields.Integer("top_k"),
            TopP = fields.Number("top_p"),
            MinP = fields.Number("min_p"),
            RepetitionPenalty = fields.Number("repetition_penalty"),
            PresencePenalty = fields.Number("presence_penalty"),
            FrequencyPenalty = fields.Number("frequency_penalty"),
            LogitBias = ReadLogitBias(fields),
            Seed = fields.LongInteger("seed"),
            Stop = ReadStop(fields),
            StopTokenIds = fields.TryGet("stop_token_ids", out JsonElement ids) ? ReadIds("stop_token_ids", ids) : [],
            IgnoreEos = fields.Flag("ignore_eos"),
            MinTokens = fields.Integer("min_tokens"),
            Logprobs = logprobs,
        };
        CompletionRequest[] requests = [.. ReadPrompts(fields, template)];
        if ((long)requests.Length * completions > maxChoices)
            throw ApiException.Invalid("n", $"{requests.Length} prompts with n {completions} are {(long)requests.Length * completions} completions: at most {maxChoices} are allowed.");
        return new CompletionCall(model, requests, stream, ReadIncludeUsage(fields, stream), echo, maxTokens == 0);
    }

    private static void RefuseUnbuilt(JsonFields fields)
    {
        foreach (string name in Unbuilt)
        {
            if (!fields.TryGet(name, out JsonElement value) || IsNeutral(name, value)) continue;
            throw ApiException.Invalid(name, $"{name} is not supported here.", "unsupported_parameter");
        }
    }

    private static bool IsNeutral(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True or JsonValueKind.False => value.GetBoolean() == (name is "skip_special_tokens" or "add_special_tokens"),
        JsonValueKind.String => value.ValueEquals(""u8) || (name == "tool_choice" && value.ValueEquals("none"u8)),
        JsonValueKind.Object => name == "response_format" && value.TryGetProperty("type"u8, out JsonElement type)
            && type.ValueKind == JsonValueKind.String && type.ValueEquals("text"u8),
        JsonValueKind.Number => name switch
        {
            "mirostat" or "dry_multiplier" => value.GetDouble() == 0,
            "typical_p" => value.GetDouble() == 1,
            _ => false,
        },
        _ => false,
    };

    private static void CheckBestOf(JsonFields fields, int completions, bool stream)
    {
        if (fields.Integer("best_of") is not { } bestOf) return;
        if (bestOf < completions) throw ApiException.Invalid("best_of", $"best_of is {bestOf}: it must be at least n, which is {completions}.");
        if (stream && bestOf > 1) throw ApiException.Invalid("best_of", $"best_of is {bestOf}: with stream it can only be 1.");
        if (bestOf > completions)
            throw ApiException.Invalid("best_of", $"best_of is {bestOf}: more than n, which is {completions}, is not supported here.", "unsupported_parameter");
    }

    private static int? ReadLogprobs(JsonFields fields, bool echo)
    {
        if (fields.Integer("logprobs") is not { } logprobs) return null;
        if (logprobs is < 0 or > MaxLogprobs) throw ApiException.Invalid("logprobs", $"logprobs is {logprobs}: it must be between 0 and {MaxLogprobs}.");
        if (echo) throw ApiException.Invalid("echo", "echo together with logprobs is not supported here.", "unsupported_parameter");
        return logprobs;
    }

    private static bool ReadIncludeUsage(JsonFields fields, bool stream)
    {
        if (!fields.TryGet("stream_options", out JsonElement options)) return false;
        if (options.ValueKind != JsonValueKind.Object) throw JsonFields.Wrong("stream_options", "an object", options);
        if (!stream) throw ApiException.Invalid("stream_options", "stream_options is only allowed together with stream.");
        if (!new JsonFields(options).TryGet("include_usage", out JsonElement include)) return false;
        return include.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? include.GetBoolean()
            : throw JsonFields.Wrong("stream_options.include_usage", "a boolean", include);
    }

    private static IEnumerable<CompletionRequest> ReadPrompts(JsonFields fields, CompletionRequest template)
    {
        const string Name = "prompt";
        if (!fields.TryGet(Name, out JsonElement prompt)) return [template];
        if (prompt.ValueKind == JsonValueKind.String) return [template with { Prompt = JsonFields.ReadString(Name, prompt) }];
        if (prompt.ValueKind != JsonValueKind.Array) throw JsonFields.Wrong(Name, "a string, an array of strings, an array of token ids or an array of such arrays", prompt);
        if (prompt.GetArrayLength() == 0) throw ApiException.Invalid(Name, "prompt is an empty array: give at least one prompt.");
        return prompt[0].ValueKind switch
        {
            JsonValueKind.String => [.. prompt.EnumerateArray().Select(item => template with { Prompt = JsonFields.ReadString(Name, item) })],
            JsonValueKind.Array => [.. prompt.EnumerateArray().Select(item => template with { PromptIds = ReadIds(Name, item) })],
            _ => [template with { PromptIds = ReadIds(Name, prompt) }],
        };
    }

    private static int[] ReadIds(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array) throw JsonFields.Wrong(name, "an array of token ids", value);
        return [.. value.EnumerateArray().Select(item => JsonFields.ReadInteger(name, item))];
    }

    private static string[] ReadStop(JsonFields fields)
    {
        if (!fields.TryGet("stop", out JsonElement stop)) return [];
        return stop.ValueKind switch
        {
            JsonValueKind.String => [JsonFields.ReadString("stop", stop)],
            JsonValueKind.Array => [.. stop.EnumerateArray().Select(item => JsonFields.ReadString("stop", item))],
            _ => throw JsonFields.Wrong("stop", "a string or an array of strings", stop),
        };
    }

    private static Dictionary<int, double> ReadLogitBias(JsonFields fields)
    {
        const string Name = "logit_bias";
        Dictionary<int, double> biases = [];
        if (!fields.TryGet(Name, out JsonElement value)) return biases;
        if (value.ValueKind != JsonValueKind.Object) throw JsonFields.Wrong(Name, "an object of token ids and numbers", value);
        foreach (JsonProperty item in value.EnumerateObject())
        {
            if (!int.TryParse(item.Name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int id))
                throw ApiException.Invalid(Name, $"{Name} has the key '{item.Name}': keys are token ids.");
            biases[id] = JsonFields.ReadNumber(Name, item.Value);
        }

        return biases;
    }
}
