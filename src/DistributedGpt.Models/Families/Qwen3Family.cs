namespace DistributedGpt.Models;

/// <summary>
/// Qwen3: Llama's form with a norm on each query and key head before the rotary embedding, and heads of 128 where the file says
/// nothing. Source: transformers, <c>models/qwen3</c>.
/// </summary>
internal static class Qwen3Family
{
    /// <summary>The family.</summary>
    public static ModelFamily Family { get; } = LlamaFamily.Family with
    {
        ModelType = "qwen3",
        ReadConfig = config =>
        {
            CommonFields.RequireNeutral(config, "mlp_bias");
            if (config.Has("head_dim") && !config.TryGet("head_dim", out _)) throw config.Error("head_dim", "the size of a head");
            bool bias = config.Flag("attention_bias", whenAbsent: false);
            return LlamaFamily.ReadRotaryDecoder(config, keyValueHeadsWhenAbsent: 32, headSizeWhenAbsent: 128, WindowRule.Qwen) with
            {
                ModelType = "qwen3",
                QueryKeyValueBias = bias,
                AttentionOutputBias = bias,
                QueryKeyNorm = true,
            };
        },
    };
}
