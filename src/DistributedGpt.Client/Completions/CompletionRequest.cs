using System.Numerics;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using static DistributedGpt.Engine.RequestRefusedException;

namespace DistributedGpt.Client;

/// <summary>
/// What a user asks of a model: text where <see cref="GenerateRequest"/> has ids, and null wherever the model's own defaults are
/// to hold. The command line, HTTP and gRPC all come through here, so they accept and refuse the same.
/// </summary>
public sealed record CompletionRequest
{
    /// <summary>The most alternatives per token whose log-probabilities can be asked for.</summary>
    public const int MaxLogprobs = 20;

    /// <summary>The most completions of one prompt.</summary>
    public const int MaxCompletions = 128;

    /// <summary>The most stop strings.</summary>
    public const int MaxStopStrings = 4;

    /// <summary>The prompt as text; special tokens in it are recognised, and what the tokenizer adds to a prompt is added.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>The prompt as ids, instead of <see cref="Prompt"/>; nothing is added.</summary>
    public int[]? PromptIds { get; init; }

    /// <summary>At most so many tokens per completion; null: <see cref="DefaultMaxTokens"/>, or less where the context ends before.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The limit where <see cref="MaxTokens"/> is null.</summary>
    public int DefaultMaxTokens { get; init; } = 16;

    /// <summary>How many completions, 1 to <see cref="MaxCompletions"/>.</summary>
    public int Completions { get; init; } = 1;

    /// <summary>0 to 2; 0 is greedy. Null: the model's default, or else <see cref="DefaultTemperature"/>.</summary>
    public double? Temperature { get; init; }

    /// <summary>The temperature where neither the request nor the model names one.</summary>
    public double DefaultTemperature { get; init; } = 1;

    /// <summary>Only the k most probable tokens; 0 and -1 are off. Null: the model's default.</summary>
    public int? TopK { get; init; }

    /// <summary>Only the most probable tokens that reach this probability together, 0 to 1. Null: the model's default.</summary>
    public double? TopP { get; init; }

    /// <summary>Only tokens at least this times as probable as the best one, 0 to 1. Null: the model's default.</summary>
    public double? MinP { get; init; }

    /// <summary>Above 0; 1 is off. Counts the prompt's tokens too. Null: the model's default.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>-2 to 2.</summary>
    public double? PresencePenalty { get; init; }

    /// <summary>-2 to 2.</summary>
    public double? FrequencyPenalty { get; init; }

    /// <summary>What is added to the logits of token ids, -100 to 100.</summary>
    public IReadOnlyDictionary<int, double> LogitBias { get; init; } = new Dictionary<int, double>();

    /// <summary>The seed of the random choices; null: one is drawn.</summary>
    public long? Seed { get; init; }

    /// <summary>A completion ends before the first occurrence of any of these.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>A completion ends at any of these tokens.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>End-of-sequence tokens are ordinary results.</summary>
    public bool IgnoreEos { get; init; }

    /// <summary>Until so many tokens are generated, no end-of-sequence or stop token can be chosen.</summary>
    public int? MinTokens { get; init; }

    /// <summary>Log-probabilities of the chosen token and of so many alternatives, 0 to <see cref="MaxLogprobs"/>; null: none.</summary>
    public int? Logprobs { get; init; }

    /// <summary>A limit of tokens beyond the context's end means "until there"; otherwise it is refused.</summary>
    public bool FillContext { get; init; }

    /// <summary>The request for <paramref name="model"/>, checked and with all defaults filled in.</summary>
    /// <exception cref="RequestRefusedException">A value is out of its range, or prompt and completion do not fit the context.</exception>
    public GenerateRequest Build(IServedModel model)
    {
        Validate();
        ModelInfo info = model.Info;
        int[] prompt = EncodePrompt(model);
        int maxTokens = CheckLength(prompt.Length, info);
        return new GenerateRequest
        {
            Id = Guid.NewGuid(),
            PromptIds = prompt,
            MaxTokens = maxTokens,
            Completions = Completions,
            Sampling = BuildSampling(info, maxTokens),
        };
    }

    /// <summary>Checks what can be checked without a model.</summary>
    /// <exception cref="RequestRefusedException">A value is out of its range.</exception>
    public void Validate()
    {
        if (MaxTokens is { } maxTokens) InRange("max_tokens", maxTokens, 1, int.MaxValue);
        InRange("n", Completions, 1, MaxCompletions);
        InRange("temperature", Temperature ?? 0, 0, 2);
        InRange("top_k", TopK ?? 0, -1, int.MaxValue);
        InRange("top_p", TopP ?? 1, 0, 1);
        InRange("min_p", MinP ?? 0, 0, 1);
        InRange("repetition_penalty", RepetitionPenalty ?? 1, 0.01, 100);
        InRange("presence_penalty", PresencePenalty ?? 0, -2, 2);
        InRange("frequency_penalty", FrequencyPenalty ?? 0, -2, 2);
        InRange("min_tokens", MinTokens ?? 0, 0, MaxTokens ?? DefaultMaxTokens);
        InRange("logprobs", Logprobs ?? 0, 0, MaxLogprobs);
        foreach (double bias in LogitBias.Values) InRange("logit_bias", bias, -100, 100);
        if (Stop.Count > MaxStopStrings) throw Invalid("stop", $"stop has {Stop.Count} strings: at most {MaxStopStrings} are allowed.");
        if (Stop.Contains("")) throw Invalid("stop", "stop has an empty string, which would end every text at once.");
    }

    private int[] EncodePrompt(IServedModel model)
    {
        if (PromptIds is not null)
        {
            if (PromptIds.Length == 0) throw Invalid("prompt", "The prompt has no tokens: at least one is needed.");
            foreach (int id in PromptIds) CheckId("prompt", id, model.Info);
            return PromptIds;
        }

        if (Prompt.Length > Tokenizer.MaximumTextLength)
            throw Invalid("prompt", $"The prompt has {Prompt.Length} characters; at most {Tokenizer.MaximumTextLength} can be encoded.");
        int[] ids = model.Tokenizer.EncodePrompt(Prompt);
        return ids.Length > 0 ? ids : throw Invalid("prompt",
            "The prompt is empty, and this model's tokenizer adds nothing to it: at least one token is needed.");
    }

    private int CheckLength(int prompt, ModelInfo info)
    {
        int room = info.ContextLength - prompt;
        if (room < 1)
            throw new RequestRefusedException(ContextLengthExceeded,
                $"The prompt has {prompt} tokens; this model's context is {info.ContextLength} tokens, prompt and completion together.", "prompt");
        if (MaxTokens is not { } asked) return Math.Min(DefaultMaxTokens, room);
        if (asked > room && FillContext)
        {
            InRange("min_tokens", MinTokens ?? 0, 0, room);
            return room;
        }

        if (asked > room)
            throw new RequestRefusedException(ContextLengthExceeded,
                $"This model's context is {info.ContextLength} tokens, but {(long)prompt + asked} were asked for: {prompt} in the prompt and {asked} to generate.",
                "max_tokens");
        return asked;
    }

    private SamplingOptions BuildSampling(ModelInfo info, int maxTokens)
    {
        foreach (int id in StopTokenIds) CheckId("stop_token_ids", id, info);
        foreach (int id in LogitBias.Keys) CheckId("logit_bias", id, info);
        return new SamplingOptions
        {
            Temperature = (float)(Temperature ?? info.DefaultTemperature ?? DefaultTemperature),
            TopK = Math.Max(0, TopK ?? info.DefaultTopK ?? 0),
            TopP = (float)(TopP ?? info.DefaultTopP ?? 1),
            MinP = (float)(MinP ?? info.DefaultMinP ?? 0),
            RepetitionPenalty = (float)(RepetitionPenalty ?? info.DefaultRepetitionPenalty ?? 1),
            PresencePenalty = (float)(PresencePenalty ?? 0),
            FrequencyPenalty = (float)(FrequencyPenalty ?? 0),
            LogitBiasIds = [.. LogitBias.Keys],
            LogitBiasValues = [.. LogitBias.Values.Select(value => (float)value)],
            Seed = unchecked((ulong)(Seed ?? Random.Shared.NextInt64())),
            IgnoreEos = IgnoreEos,
            MinTokens = Math.Min(MinTokens ?? 0, maxTokens),
            EosTokenIds = info.EosTokenIds,
            StopTokenIds = [.. StopTokenIds],
            Logprobs = Logprobs,
        };
    }

    private static T InRange<T>(string field, T value, T minimum, T maximum)
        where T : INumber<T> =>
        value >= minimum && value <= maximum
        ? value
        : throw Invalid(field, $"{field} is {value}: it must be between {minimum} and {maximum}.");

    private static void CheckId(string field, int id, ModelInfo info)
    {
        if ((uint)id >= (uint)info.VocabularySize)
            throw Invalid(field, $"{field} names the token {id}: this model's ids are 0 to {info.VocabularySize - 1}.");
    }

    private static RequestRefusedException Invalid(string field, string message) => new(InvalidValue, message, field);
}
