using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

/// <summary>Small models of every family with sizes drawn by a seed: head sizes that are no share of the hidden size, one or few key/value heads, tied or not.</summary>
internal static class RandomShapes
{
    /// <summary>The families.</summary>
    public static string[] Families { get; } = ["gpt2", "llama", "mistral", "qwen2", "qwen3"];

    /// <summary>A shape of <paramref name="family"/>.</summary>
    public static ModelConfig Draw(string family, int seed)
    {
        Random random = new(5 * seed + Array.IndexOf(Families, family));
        bool gpt2 = family == "gpt2";
        int keyValueHeads = random.Next(1, 4);
        int heads = gpt2 ? keyValueHeads : keyValueHeads * random.Next(1, 5);
        int headSize = gpt2 ? random.Next(3, 40) : 2 * random.Next(1, 40);
        bool bias = family == "llama" && random.Next(2) == 0;
        return new ModelConfig
        {
            ModelType = family,
            VocabularySize = random.Next(50, 400),
            HiddenSize = gpt2 ? heads * headSize : random.Next(5, 150),
            LayerCount = random.Next(1, 4),
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadSize = headSize,
            IntermediateSize = random.Next(5, 300),
            ContextLength = 128,
            Norm = gpt2 ? NormKind.LayerNorm : NormKind.RmsNorm,
            NormEpsilon = random.Next(2) == 0 ? 1e-5f : 1e-6f,
            Rotary = gpt2 ? null : Rotary(random.Next(3)),
            Activation = gpt2 ? ActivationKind.GeluTanh : ActivationKind.Silu,
            GatedMlp = !gpt2,
            QueryKeyValueBias = gpt2 || bias || family == "qwen2",
            AttentionOutputBias = gpt2 || bias,
            MlpBias = gpt2 || bias,
            QueryKeyNorm = family == "qwen3",
            TiedEmbeddings = random.Next(2) == 0,
            ScaleAttention = !gpt2 || random.Next(4) > 0,
            ScaleAttentionByInverseLayerIndex = gpt2 && random.Next(2) == 0,
            WeightType = (TensorType)random.Next(3),
        };
    }

    private static RotaryConfig Rotary(int scaling) => scaling switch
    {
        0 => new RotaryConfig(10_000),
        1 => new RotaryConfig(100_000, RotaryScaling.Linear, Factor: 2.5),
        _ => new RotaryConfig(500_000, RotaryScaling.Llama3, Factor: 8, LowFrequencyFactor: 1, HighFrequencyFactor: 4, OriginalContextLength: 32),
    };
}
