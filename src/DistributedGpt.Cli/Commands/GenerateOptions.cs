using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>The options of <c>generate</c> that make up a <see cref="CompletionRequest"/>.</summary>
internal sealed class GenerateOptions
{
    private const int MaxTokensByDefault = 256;
    private const double TemperatureByDefault = 0.8;

    private readonly Option<int?> _maxTokens = Integer("--max-tokens", "N", $"At most so many tokens; the context may end before. Default: {MaxTokensByDefault}.");
    private readonly Option<double?> _temperature = Number("--temperature", "T", $"0 is greedy. Default: what generation_config.json says, or {TemperatureByDefault}.");
    private readonly Option<int?> _topK = Integer("--top-k", "K", "Only the K most probable tokens; 0 is off.");
    private readonly Option<double?> _topP = Number("--top-p", "P", "Only the most probable tokens that reach P together; 1 is off.");
    private readonly Option<double?> _minP = Number("--min-p", "P", "Only tokens at least P times as probable as the best one; 0 is off.");
    private readonly Option<double?> _repetitionPenalty = Number("--repetition-penalty", "R", "Above 1: fewer tokens that occurred, in the prompt too.");
    private readonly Option<double?> _presencePenalty = Number("--presence-penalty", "F", "Above 0: fewer tokens that were generated.");
    private readonly Option<double?> _frequencyPenalty = Number("--frequency-penalty", "F", "Above 0: fewer tokens that were generated often.");

    private readonly Option<long?> _seed = new("--seed")
    {
        HelpName = "S", Description = "The seed of the random choices: the same seed, the same text.", CustomParser = Values.LongInteger,
    };

    private readonly Option<string[]> _stop = new("--stop") { HelpName = "TEXT", Description = "End before this text; may be given up to 4 times." };
    private readonly Option<int[]> _stopTokenIds = new("--stop-token") { HelpName = "ID", Description = "End at this token; may be given several times.", CustomParser = ReadIds };
    private readonly Option<int?> _completions = Integer("--n", "N", "So many completions.");
    private readonly Option<int?> _logprobs = Integer("--logprobs", "K", "With --json: the log-probabilities of the tokens and of K alternatives each.");

    private readonly Option<Dictionary<int, double>> _logitBias = new("--logit-bias")
    {
        HelpName = "ID:B", Description = "Add B to the logit of a token; may be given several times.", CustomParser = ReadBiases,
    };

    private readonly Option<int?> _minTokens = Integer("--min-tokens", "N", "No end before N tokens.");
    private readonly Option<bool> _ignoreEos = new("--ignore-eos") { Description = "Go on after the model's end-of-sequence token." };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        Option[] options =
        [
            _maxTokens, _temperature, _topK, _topP, _minP, _repetitionPenalty, _presencePenalty, _frequencyPenalty, _seed, _stop, _stopTokenIds,
            _completions, _logprobs, _logitBias, _minTokens, _ignoreEos,
        ];
        foreach (Option option in options) command.Add(option);
    }

    /// <summary>Reads them into a request without a prompt.</summary>
    public CompletionRequest Read(ParseResult result) => new()
    {
        MaxTokens = result.GetValue(_maxTokens),
        DefaultMaxTokens = MaxTokensByDefault,
        Completions = result.GetValue(_completions) ?? 1,
        Temperature = result.GetValue(_temperature),
        DefaultTemperature = TemperatureByDefault,
        TopK = result.GetValue(_topK),
        TopP = result.GetValue(_topP),
        MinP = result.GetValue(_minP),
        RepetitionPenalty = result.GetValue(_repetitionPenalty),
        PresencePenalty = result.GetValue(_presencePenalty),
        FrequencyPenalty = result.GetValue(_frequencyPenalty),
        Seed = result.GetValue(_seed) ?? Random.Shared.Next(),
        Stop = result.GetValue(_stop) ?? [],
        StopTokenIds = result.GetValue(_stopTokenIds) ?? [],
        Logprobs = result.GetValue(_logprobs),
        LogitBias = result.GetValue(_logitBias) ?? [],
        MinTokens = result.GetValue(_minTokens),
        IgnoreEos = result.GetValue(_ignoreEos),
    };

    private static Option<int?> Integer(string name, string value, string description) => new(name) { HelpName = value, Description = description, CustomParser = Values.Integer };

    private static Option<double?> Number(string name, string value, string description) => new(name) { HelpName = value, Description = description, CustomParser = Values.Number };

    private static int[] ReadIds(ArgumentResult result)
    {
        List<int> ids = [];
        foreach (Token token in result.Tokens)
        {
            if (int.TryParse(token.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int id)) ids.Add(id);
            else result.AddError($"--stop-token: expected a token id, found '{token.Value}'");
        }

        return [.. ids];
    }

    private static Dictionary<int, double> ReadBiases(ArgumentResult result)
    {
        Dictionary<int, double> biases = [];
        foreach (Token token in result.Tokens)
        {
            string[] parts = token.Value.Split(':');
            if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double bias))
                biases[id] = bias;
            else result.AddError($"--logit-bias: expected ID:BIAS, such as 42:-5, found '{token.Value}'");
        }

        return biases;
    }
}
