namespace DistributedGpt.Models;

/// <summary>
/// Llama 1 to 3.3, TinyLlama, SmolLM2: RMS norm, rotary positions, grouped-query attention, a gated MLP. The families that differ
/// from it in a few values build on it. Source: transformers, <c>models/llama</c>.
/// </summary>
internal static class LlamaFamily
{
    /// <summary>The family.</summary>
    public static ModelFamily Family { get; } = new()
    {
        ModelType = "llama",
        ReadConfig = config => ReadRotaryDecoder(config) with
        {
            ModelType = "llama",
            QueryKeyValueBias = config.Flag("attention_bias", whenAbsent: false),
            AttentionOutputBias = config.Flag("attention_bias", whenAbsent: false),
            MlpBias = config.Flag("mlp_bias", whenAbsent: false),
        },
        ModelTensors = new Dictionary<ModelTensor, TensorSource>
        {
            [ModelTensor.TokenEmbedding] = new("model.embed_tokens.weight"),
            [ModelTensor.FinalNormWeight] = new("model.norm.weight"),
            [ModelTensor.Unembedding] = new("lm_head.weight"),
        },
        LayerTensors = new Dictionary<LayerTensor, TensorSource>
        {
            [LayerTensor.AttentionNormWeight] = new("model.layers.*.input_layernorm.weight"),
            [LayerTensor.QueryWeight] = new("model.layers.*.self_attn.q_proj.weight"),
            [LayerTensor.QueryBias] = new("model.layers.*.self_attn.q_proj.bias"),
            [LayerTensor.KeyWeight] = new("model.layers.*.self_attn.k_proj.weight"),
            [LayerTensor.KeyBias] = new("model.layers.*.self_attn.k_proj.bias"),
            [LayerTensor.ValueWeight] = new("model.layers.*.self_attn.v_proj.weight"),
            [LayerTensor.ValueBias] = new("model.layers.*.self_attn.v_proj.bias"),
            [LayerTensor.QueryNormWeight] = new("model.layers.*.self_attn.q_norm.weight"),
            [LayerTensor.KeyNormWeight] = new("model.layers.*.self_attn.k_norm.weight"),
            [LayerTensor.OutputWeight] = new("model.layers.*.self_attn.o_proj.weight"),
            [LayerTensor.OutputBias] = new("model.layers.*.self_attn.o_proj.bias"),
            [LayerTensor.MlpNormWeight] = new("model.layers.*.post_attention_layernorm.weight"),
            [LayerTensor.GateWeight] = new("model.layers.*.mlp.gate_proj.weight"),
            [LayerTensor.GateBias] = new("model.layers.*.mlp.gate_proj.bias"),
            [LayerTensor.UpWeight] = new("model.layers.*.mlp.up_proj.weight"),
            [LayerTensor.UpBias] = new("model.layers.*.mlp.up_proj.bias"),
            [LayerTensor.DownWeight] = new("model.layers.*.mlp.down_proj.weight"),
            [LayerTensor.DownBias] = new("model.layers.*.mlp.down_proj.bias"),
        },
    };

    /// <summary>Reads what all families of Llama's form have in common; without biases.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="keyValueHeadsWhenAbsent">What a missing <c>num_key_value_heads</c> means; null for as many as there are heads.</param>
    /// <param name="headSizeWhenAbsent">What a missing <c>head_dim</c> means; null for hidden / heads.</param>
    /// <param name="window">Which layers have a sliding window.</param>
    public static ModelConfig ReadRotaryDecoder(
        ConfigSection config, int? keyValueHeadsWhenAbsent = null, int? headSizeWhenAbsent = null, WindowRule? window = null)
    {
        int hidden = config.Size("hidden_size", ConfigLimits.Hidden);
        int heads = config.Size("num_attention_heads", ConfigLimits.Heads);
        int layers = config.Size("num_hidden_layers", ConfigLimits.Layers);
        int context = config.Size("max_position_embeddings", ConfigLimits.Context);
        int keyValueHeads = config.SizeOrNull("num_key_value_heads", ConfigLimits.Heads, keyValueHeadsWhenAbsent) ?? heads;
        if (heads % keyValueHeads != 0)
            throw config.Error("num_key_value_heads", $"a divisor of num_attention_heads {heads}", $"{keyValueHeads}");

        int? headSize = config.SizeOrNull("head_dim", ConfigLimits.HeadSize, headSizeWhenAbsent);
        if (headSize is null && hidden % heads != 0)
            throw config.Error("hidden_size", $"a multiple of num_attention_heads {heads} where head_dim is not given");
        headSize ??= hidden / heads;
        if (headSize % 2 != 0)
            throw config.Error("head_dim", "an even size, which rotary embedding needs", $"{headSize}");
        if ((long)heads * headSize > ConfigLimits.Projection)
            throw config.Error("num_attention_heads", $"at most {ConfigLimits.Projection} outputs of all heads", $"{heads} x {headSize}");

        (window ?? new()).Refuse(config, layers, context);
        return new()
        {
            ModelType = "",
            VocabularySize = config.Size("vocab_size", ConfigLimits.Vocabulary),
            HiddenSize = hidden,
            LayerCount = layers,
            HeadCount = heads,
            KeyValueHeadCount = keyValueHeads,
            HeadSize = headSize.Value,
            IntermediateSize = config.Size("intermediate_size", ConfigLimits.Intermediate),
            ContextLength = context,
            Norm = NormKind.RmsNorm,
            NormEpsilon = CommonFields.Epsilon(config, "rms_norm_eps", 1e-6),
            Rotary = RotaryFields.Read(config),
            Activation = CommonFields.Activation(config, "hidden_act", "silu"),
            GatedMlp = true,
            QueryKeyValueBias = false,
            AttentionOutputBias = false,
            MlpBias = false,
            TiedEmbeddings = config.Flag("tie_word_embeddings", whenAbsent: false),
            WeightType = CommonFields.WeightType(config),
        };
    }
}
