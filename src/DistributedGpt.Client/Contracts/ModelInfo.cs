namespace DistributedGpt.Client;

/// <summary>What a client must know of a model that the cluster serves.</summary>
[GenerateSerializer, Immutable]
public sealed record ModelInfo
{
    /// <summary>The name under which it is served.</summary>
    [Id(0)] public required string Name { get; init; }

    /// <summary>When it was loaded, UTC.</summary>
    [Id(1)] public required DateTime Created { get; init; }

    /// <summary>Prompt and generated tokens together, at most.</summary>
    [Id(2)] public required int ContextLength { get; init; }

    /// <summary>Width of the logits: legal token ids are below it.</summary>
    [Id(3)] public required int VocabularySize { get; init; }

    /// <summary>The model's end-of-sequence tokens.</summary>
    [Id(4)] public required int[] EosTokenIds { get; init; }

    /// <summary>The folder's fingerprint: equal for equal weights, config and kernels.</summary>
    [Id(5)] public required string Fingerprint { get; init; }

    /// <summary>The temperature of generation_config.json, if it samples by default; null where it says nothing.</summary>
    [Id(6)] public float? DefaultTemperature { get; init; }

    /// <summary>top_k of generation_config.json, or null.</summary>
    [Id(7)] public int? DefaultTopK { get; init; }

    /// <summary>top_p of generation_config.json, or null.</summary>
    [Id(8)] public float? DefaultTopP { get; init; }

    /// <summary>repetition_penalty of generation_config.json, or null.</summary>
    [Id(9)] public float? DefaultRepetitionPenalty { get; init; }

    /// <summary>The contents of tokenizer.json: a client needs no model folder. Empty in a list of models.</summary>
    [Id(10)] public required byte[] TokenizerJson { get; init; }

    /// <summary>min_p of generation_config.json, or null.</summary>
    [Id(11)] public float? DefaultMinP { get; init; }
}
