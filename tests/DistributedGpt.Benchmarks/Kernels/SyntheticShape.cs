using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>Shapes of well-known models.</summary>
internal static class SyntheticShape
{
    /// <summary>The configuration called <paramref name="name"/>.</summary>
    public static ModelConfig Named(string name) => name switch
    {
        "llama-1.1b" => new ModelConfig
        {
            ModelType = "llama",
            VocabularySize = 32000,
            HiddenSize = 2048,
            LayerCount = 22,
            HeadCount = 32,
            KeyValueHeadCount = 4,
            HeadSize = 64,
            IntermediateSize = 5632,
            ContextLength = 2048,
            Norm = NormKind.RmsNorm,
            NormEpsilon = 1e-5f,
            Rotary = new RotaryConfig(10000),
            Activation = ActivationKind.Silu,
            GatedMlp = true,
            QueryKeyValueBias = false,
            AttentionOutputBias = false,
            MlpBias = false,
            TiedEmbeddings = false,
            WeightType = TensorType.BFloat16,
        },
        "gpt2-125m" => new ModelConfig
        {
            ModelType = "gpt2",
            VocabularySize = 50257,
            HiddenSize = 768,
            LayerCount = 12,
            HeadCount = 12,
            KeyValueHeadCount = 12,
            HeadSize = 64,
            IntermediateSize = 3072,
            ContextLength = 1024,
            Norm = NormKind.LayerNorm,
            NormEpsilon = 1e-5f,
            Activation = ActivationKind.GeluTanh,
            GatedMlp = false,
            QueryKeyValueBias = true,
            AttentionOutputBias = true,
            MlpBias = true,
            TiedEmbeddings = true,
            WeightType = TensorType.Float32,
        },
        _ => throw new ArgumentException($"Shape '{name}' is unknown: llama-1.1b or gpt2-125m."),
    };
}
