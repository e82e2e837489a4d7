namespace DistributedGpt.Models;

/// <summary>
/// What a folder says about sampling (<c>generation_config.json</c>) and about where a text ends. Null: it says nothing.
/// <see cref="Temperature"/>, <see cref="TopK"/>, <see cref="TopP"/> and <see cref="MinP"/> are meant for sampling only: they do not
/// apply where <see cref="DoSample"/> is not true.
/// </summary>
public sealed record GenerationDefaults
{
    /// <summary>Whether tokens are drawn at random (true) or the best one is taken.</summary>
    public bool? DoSample { get; init; }

    /// <summary>Divides the logits before the softmax.</summary>
    public double? Temperature { get; init; }

    /// <summary>Only this many best tokens are drawn from; 0 for all.</summary>
    public int? TopK { get; init; }

    /// <summary>Only the best tokens that reach this probability together are drawn from.</summary>
    public double? TopP { get; init; }

    /// <summary>Only tokens of at least this share of the best one's probability are drawn from.</summary>
    public double? MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens that occurred.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>
    /// The tokens that end a text: those of <c>generation_config.json</c>, or where it names none those of <c>config.json</c>, and the
    /// tokenizer's own. In ascending order; ids that the model cannot produce are left out.
    /// </summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>Reads what the folder says.</summary>
    internal static GenerationDefaults Read(string folder, ConfigSection config, ModelConfig model)
    {
        ConfigSection? generation = JsonFile.ReadIfPresent(folder, "generation_config.json");
        IReadOnlyList<long> ends = EndTokens(generation, config);
        IEnumerable<long> stops = TokenizerEnd.Find(folder) is long end ? [.. ends, end] : ends;
        bool IsToken(long id) => id >= 0 && id < model.VocabularySize;
        return new()
        {
            DoSample = generation is { } section && section.TryGet("do_sample", out _) ? section.Flag("do_sample", false) : null,
            Temperature = generation?.NumberOrNull("temperature", 0, 1e6),
            TopK = generation is { } top && top.NumberOrNull("top_k", 0, int.MaxValue) is double k ? (int)k : null,
            TopP = generation?.NumberOrNull("top_p", 0, 1),
            MinP = generation?.NumberOrNull("min_p", 0, 1),
            RepetitionPenalty = generation?.NumberOrNull("repetition_penalty", 1e-6, 1e6),
            StopTokenIds = [.. stops.Where(IsToken).Select(id => (int)id).Distinct().Order()],
        };
    }

    private static IReadOnlyList<long> EndTokens(ConfigSection? generation, ConfigSection config)
    {
        const string key = "eos_token_id";
        IReadOnlyList<long> fallback = config.Integers(key);
        return generation?.Integers(key) is { Count: > 0 } given ? given : fallback;
    }
}
