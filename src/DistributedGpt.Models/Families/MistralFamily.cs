namespace DistributedGpt.Models;

/// <summary>
/// Mistral and Nemo: Llama's form without any bias, the head size explicit. The class's window of 4096 holds where the file says
/// nothing. Source: transformers, <c>models/mistral</c>.
/// </summary>
internal static class MistralFamily
{
    /// <summary>The family.</summary>
    public static ModelFamily Family { get; } = LlamaFamily.Family with
    {
        ModelType = "mistral",
        ReadConfig = config =>
        {
            CommonFields.RequireNeutral(config, "attention_bias");
            CommonFields.RequireNeutral(config, "mlp_bias");
            WindowRule window = new() { SizeWhenAbsent = 4096 };
            return LlamaFamily.ReadRotaryDecoder(config, keyValueHeadsWhenAbsent: 8, window: window) with { ModelType = "mistral" };
        },
    };
}
