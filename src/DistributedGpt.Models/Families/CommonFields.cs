using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>Fields that families share, and those that belong to others and change the arithmetic.</summary>
internal static class CommonFields
{
    private static readonly Dictionary<string, ActivationKind> Activations = new()
    {
        ["gelu_new"] = ActivationKind.GeluTanh,
        ["gelu_pytorch_tanh"] = ActivationKind.GeluTanh,
        ["silu"] = ActivationKind.Silu,
        ["swish"] = ActivationKind.Silu,
    };

    private static readonly Dictionary<string, TensorType> WeightTypes = new()
    {
        ["float32"] = TensorType.Float32,
        ["float16"] = TensorType.Float16,
        ["bfloat16"] = TensorType.BFloat16,
    };

    /// <summary>Fields of other families; each with the number, if there is one, that leaves the arithmetic as it is.</summary>
    private static readonly (string Key, double? Neutral)[] Foreign =
    [
        ("add_cross_attention", null), ("is_encoder_decoder", null), ("use_bidirectional_attention", null), ("pruned_heads", null),
        ("attn_logit_softcapping", null), ("final_logit_softcapping", null), ("query_pre_attn_scalar", null), ("clip_qkv", null),
        ("logit_scale", 1), ("logits_scaling", 1), ("embedding_multiplier", 1), ("residual_multiplier", 1), ("attention_multiplier", null),
        ("partial_rotary_factor", 1), ("rotary_pct", 1), ("no_rope_layers", null), ("rope_interleaved", null), ("use_qk_norm", null), ("qk_layernorm", null),
        ("alibi", null), ("parallel_attn", null), ("use_parallel_residual", null), ("lm_head_bias", null), ("kv_lora_rank", null),
        ("num_experts", 0), ("num_local_experts", 0), ("n_routed_experts", 0), ("attention_chunk_size", null),
    ];

    /// <summary>Refuses quantised weights and every field that would change the arithmetic unseen.</summary>
    public static void RefuseForeign(ConfigSection config)
    {
        if (config.TryGet("quantization_config", out JsonElement quantization))
        {
            string? method = quantization.ValueKind == JsonValueKind.Object ? config.SectionOrNull("quantization_config")!.Value.TextOrNull("quant_method") : null;
            throw config.Error("quantization_config", "weights that are not quantised", method ?? ConfigSection.Describe(quantization));
        }
        foreach ((string key, double? neutral) in Foreign) RequireNeutral(config, key, neutral);
    }

    /// <summary>Refuses a field unless it is absent, null, false, empty or the number that changes nothing.</summary>
    public static void RequireNeutral(ConfigSection config, string key, double? neutral = null)
    {
        if (!config.TryGet(key, out JsonElement value)) return;
        bool isNeutral = value.ValueKind switch
        {
            JsonValueKind.False => true,
            JsonValueKind.Number => neutral is not null && value.TryGetDouble(out double number) && number == neutral,
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Object => !value.EnumerateObject().Any(),
            _ => false,
        };
        if (!isNeutral) throw config.Error(key, neutral is null ? "null or false, as this setting is not supported" : $"{neutral}, as no other value is supported");
    }

    /// <summary>The activation that <paramref name="key"/> names.</summary>
    public static ActivationKind Activation(ConfigSection config, string key, string whenAbsent) => config.Choice(key, Activations, whenAbsent);

    /// <summary>The epsilon of a norm.</summary>
    public static float Epsilon(ConfigSection config, string key, double whenAbsent) => (float)config.Number(key, 1e-30, 1, whenAbsent);

    /// <summary>The type of the weights, in either spelling; float32 where the file says nothing.</summary>
    public static TensorType WeightType(ConfigSection config) =>
        !config.TryGet("dtype", out _) && config.TryGet("torch_dtype", out _) ? config.Choice("torch_dtype", WeightTypes)
        : config.TryGet("dtype", out _) ? config.Choice("dtype", WeightTypes)
        : TensorType.Float32;
}
