namespace DistributedGpt.Models;

/// <summary>
/// Qwen2 and Qwen2.5: Llama's form with biases on query, key and value, never on the output; no field says so.
/// Source: transformers, <c>models/qwen2</c>.
/// </summary>
internal static class Qwen2Family
{
    /// <summary>The family.</summary>
    public static ModelFamily Family { get; } = LlamaFamily.Family with
    {
        ModelType = "qwen2",
        ReadConfig = config =>
        {
            CommonFields.RequireNeutral(config, "mlp_bias");
            return LlamaFamily.ReadRotaryDecoder(config, keyValueHeadsWhenAbsent: 32, window: WindowRule.Qwen) with
            {
                ModelType = "qwen2",
                QueryKeyValueBias = true,
            };
        },
    };
}
