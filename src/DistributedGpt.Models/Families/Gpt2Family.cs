namespace DistributedGpt.Models;

/// <summary>
/// GPT-2: learned positions, layer norm and biases everywhere, query, key and value in one tensor, matrices stored as
/// <c>[inputs, outputs]</c>, a tied unembedding. Source: transformers, <c>models/gpt2</c>.
/// </summary>
internal static class Gpt2Family
{
    private static readonly LayerTensor[] FusedWeights = [LayerTensor.QueryWeight, LayerTensor.KeyWeight, LayerTensor.ValueWeight];
    private static readonly LayerTensor[] FusedBiases = [LayerTensor.QueryBias, LayerTensor.KeyBias, LayerTensor.ValueBias];

    /// <summary>The family.</summary>
    public static ModelFamily Family { get; } = new()
    {
        ModelType = "gpt2",
        ReadConfig = ReadConfig,
        ModelTensors = new Dictionary<ModelTensor, TensorSource>
        {
            [ModelTensor.TokenEmbedding] = new("transformer.wte.weight"),
            [ModelTensor.PositionEmbedding] = new("transformer.wpe.weight"),
            [ModelTensor.FinalNormWeight] = new("transformer.ln_f.weight"),
            [ModelTensor.FinalNormBias] = new("transformer.ln_f.bias"),
            [ModelTensor.Unembedding] = new("lm_head.weight"),
        },
        LayerTensors = new Dictionary<LayerTensor, TensorSource>
        {
            [LayerTensor.AttentionNormWeight] = new("transformer.h.*.ln_1.weight"),
            [LayerTensor.AttentionNormBias] = new("transformer.h.*.ln_1.bias"),
            [LayerTensor.QueryWeight] = new("transformer.h.*.attn.c_attn.weight") { Transposed = true, Fused = FusedWeights },
            [LayerTensor.KeyWeight] = new("transformer.h.*.attn.c_attn.weight") { Transposed = true, Fused = FusedWeights },
            [LayerTensor.ValueWeight] = new("transformer.h.*.attn.c_attn.weight") { Transposed = true, Fused = FusedWeights },
            [LayerTensor.QueryBias] = new("transformer.h.*.attn.c_attn.bias") { Fused = FusedBiases },
            [LayerTensor.KeyBias] = new("transformer.h.*.attn.c_attn.bias") { Fused = FusedBiases },
            [LayerTensor.ValueBias] = new("transformer.h.*.attn.c_attn.bias") { Fused = FusedBiases },
            [LayerTensor.OutputWeight] = new("transformer.h.*.attn.c_proj.weight") { Transposed = true },
            [LayerTensor.OutputBias] = new("transformer.h.*.attn.c_proj.bias"),
            [LayerTensor.MlpNormWeight] = new("transformer.h.*.ln_2.weight"),
            [LayerTensor.MlpNormBias] = new("transformer.h.*.ln_2.bias"),
            [LayerTensor.UpWeight] = new("transformer.h.*.mlp.c_fc.weight") { Transposed = true },
            [LayerTensor.UpBias] = new("transformer.h.*.mlp.c_fc.bias"),
            [LayerTensor.DownWeight] = new("transformer.h.*.mlp.c_proj.weight") { Transposed = true },
            [LayerTensor.DownBias] = new("transformer.h.*.mlp.c_proj.bias"),
        },
    };

    private static ModelConfig ReadConfig(ConfigSection config)
    {
        int hidden = config.Size("n_embd", ConfigLimits.Hidden);
        int heads = config.Size("n_head", ConfigLimits.Heads);
        if (hidden % heads != 0) throw config.Error("n_embd", $"a multiple of n_head {heads}");
        return new()
        {
            ModelType = Family.ModelType,
            VocabularySize = config.Size("vocab_size", ConfigLimits.Vocabulary),
            HiddenSize = hidden,
            LayerCount = config.Size("n_layer", ConfigLimits.Layers),
            HeadCount = heads,
            KeyValueHeadCount = heads,
            HeadSize = hidden / heads,
            IntermediateSize = config.SizeOrNull("n_inner", ConfigLimits.Intermediate) ?? 4 * hidden,
            ContextLength = config.Size("n_positions", ConfigLimits.Context),
            Norm = NormKind.LayerNorm,
            NormEpsilon = CommonFields.Epsilon(config, "layer_norm_epsilon", 1e-5),
            Activation = CommonFields.Activation(config, "activation_function", "gelu_new"),
            GatedMlp = false,
            QueryKeyValueBias = true,
            AttentionOutputBias = true,
            MlpBias = true,
            TiedEmbeddings = config.Flag("tie_word_embeddings", whenAbsent: true),
            ScaleAttention = config.Flag("scale_attn_weights", whenAbsent: true),
            ScaleAttentionByInverseLayerIndex = config.Flag("scale_attn_by_inverse_layer_idx", whenAbsent: false),
            WeightType = CommonFields.WeightType(config),
        };
    }
}
