namespace DistributedGpt.Models;

/// <summary>One family of models as data: how its configuration maps to <see cref="ModelConfig"/>, and what its tensors are called.</summary>
internal sealed record ModelFamily
{
    /// <summary>The families that are supported.</summary>
    public static IReadOnlyDictionary<string, ModelFamily> All { get; } = new[]
    {
        Gpt2Family.Family, LlamaFamily.Family, MistralFamily.Family, Qwen2Family.Family, Qwen3Family.Family,
    }.ToDictionary(family => family.ModelType);

    /// <summary>The name of the family in <c>config.json</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Reads what the family's arithmetic depends on, and refuses what it does not support.</summary>
    public required Func<ConfigSection, ModelConfig> ReadConfig { get; init; }

    /// <summary>The tensors outside the layers.</summary>
    public required IReadOnlyDictionary<ModelTensor, TensorSource> ModelTensors { get; init; }

    /// <summary>The tensors of a layer.</summary>
    public required IReadOnlyDictionary<LayerTensor, TensorSource> LayerTensors { get; init; }
}
