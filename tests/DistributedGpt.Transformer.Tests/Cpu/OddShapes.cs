using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

/// <summary>Small models whose sizes fit no register, no block and no tile.</summary>
internal static class OddShapes
{
    /// <summary>Layer norm, learned positions, biases, one head per key/value head, tied.</summary>
    public static ModelConfig Gpt2 { get; } = new()
    {
        ModelType = "gpt2",
        VocabularySize = 101,
        HiddenSize = 54,
        LayerCount = 2,
        HeadCount = 3,
        KeyValueHeadCount = 3,
        HeadSize = 18,
        IntermediateSize = 77,
        ContextLength = 128,
        Norm = NormKind.LayerNorm,
        NormEpsilon = 1e-5f,
        Activation = ActivationKind.GeluTanh,
        GatedMlp = false,
        QueryKeyValueBias = true,
        AttentionOutputBias = true,
        MlpBias = true,
        TiedEmbeddings = true,
        WeightType = TensorType.Float32,
    };

    /// <summary>RMS norm, rotary positions, seven query heads per key/value head, gated MLP, untied.</summary>
    public static ModelConfig Llama { get; } = Gpt2 with
    {
        ModelType = "llama",
        HiddenSize = 70,
        HeadCount = 14,
        KeyValueHeadCount = 2,
        HeadSize = 10,
        IntermediateSize = 131,
        Norm = NormKind.RmsNorm,
        Rotary = new RotaryConfig(10000),
        Activation = ActivationKind.Silu,
        GatedMlp = true,
        QueryKeyValueBias = false,
        AttentionOutputBias = false,
        MlpBias = false,
        TiedEmbeddings = false,
        WeightType = TensorType.BFloat16,
    };

    /// <summary>Heads of 2 elements that are normed, one key/value head for all, a gated GELU with biases.</summary>
    public static ModelConfig Narrow { get; } = Llama with
    {
        HiddenSize = 17,
        HeadCount = 5,
        KeyValueHeadCount = 1,
        HeadSize = 2,
        QueryKeyNorm = true,
        QueryKeyValueBias = true,
        MlpBias = true,
        Activation = ActivationKind.GeluTanh,
        WeightType = TensorType.Float16,
    };

    /// <summary>Heads wider than the hidden states' share, more columns than a block of columns.</summary>
    public static ModelConfig Wide { get; } = Llama with
    {
        HiddenSize = 300,
        HeadCount = 3,
        KeyValueHeadCount = 1,
        HeadSize = 130,
        IntermediateSize = 700,
        Rotary = new RotaryConfig(500000, RotaryScaling.Llama3, 8, 1, 4, 64),
        LayerCount = 1,
    };

    /// <summary>The shape called <paramref name="name"/>.</summary>
    public static ModelConfig Named(string name) => name switch
    {
        nameof(Gpt2) => Gpt2,
        nameof(Llama) => Llama,
        nameof(Narrow) => Narrow,
        _ => Wide,
    };
}
