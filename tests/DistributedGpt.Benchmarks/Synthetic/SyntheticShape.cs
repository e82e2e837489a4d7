using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>The shape of a well-known model: all of its folder but the weights' values.</summary>
/// <param name="Config">Its <c>config.json</c>.</param>
/// <param name="Type">The type in which weights are stored.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="LayerTensors">The tensors of a layer; <c>*</c> stands for its index.</param>
/// <param name="ModelTensors">The other tensors.</param>
internal sealed record SyntheticShape(
    string Config, TensorType Type, int Layers, (string Name, int[] Shape)[] LayerTensors, (string Name, int[] Shape)[] ModelTensors)
{
    /// <summary>The shapes by name.</summary>
    public static IReadOnlyDictionary<string, SyntheticShape> All { get; } = new Dictionary<string, SyntheticShape>
    {
        ["tinyllama-1.1b"] = new(
            """
            {
              "model_type": "llama", "vocab_size": 32000, "hidden_size": 2048, "num_hidden_layers": 22, "num_attention_heads": 32,
              "num_key_value_heads": 4, "intermediate_size": 5632, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false
            }
            """,
            TensorType.BFloat16,
            22,
            [
                ("model.layers.*.input_layernorm.weight", [2048]),
                ("model.layers.*.self_attn.q_proj.weight", [2048, 2048]),
                ("model.layers.*.self_attn.k_proj.weight", [256, 2048]),
                ("model.layers.*.self_attn.v_proj.weight", [256, 2048]),
                ("model.layers.*.self_attn.o_proj.weight", [2048, 2048]),
                ("model.layers.*.post_attention_layernorm.weight", [2048]),
                ("model.layers.*.mlp.gate_proj.weight", [5632, 2048]),
                ("model.layers.*.mlp.up_proj.weight", [5632, 2048]),
                ("model.layers.*.mlp.down_proj.weight", [2048, 5632]),
            ],
            [
                ("model.embed_tokens.weight", [32000, 2048]),
                ("model.norm.weight", [2048]),
                ("lm_head.weight", [32000, 2048]),
            ]),
        ["gpt2-125m"] = new(
            """
            {
              "model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
              "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"
            }
            """,
            TensorType.Float32,
            12,
            [
                ("transformer.h.*.ln_1.weight", [768]),
                ("transformer.h.*.ln_1.bias", [768]),
                ("transformer.h.*.attn.c_attn.weight", [768, 2304]),
                ("transformer.h.*.attn.c_attn.bias", [2304]),
                ("transformer.h.*.attn.c_proj.weight", [768, 768]),
                ("transformer.h.*.attn.c_proj.bias", [768]),
                ("transformer.h.*.ln_2.weight", [768]),
                ("transformer.h.*.ln_2.bias", [768]),
                ("transformer.h.*.mlp.c_fc.weight", [768, 3072]),
                ("transformer.h.*.mlp.c_fc.bias", [3072]),
                ("transformer.h.*.mlp.c_proj.weight", [3072, 768]),
                ("transformer.h.*.mlp.c_proj.bias", [768]),
            ],
            [
                ("transformer.wte.weight", [50257, 768]),
                ("transformer.wpe.weight", [1024, 768]),
                ("transformer.ln_f.weight", [768]),
                ("transformer.ln_f.bias", [768]),
            ]),
    };

    /// <summary>All tensors by name, those of every layer too.</summary>
    public IEnumerable<(string Name, int[] Shape)> Tensors =>
        Enumerable.Range(0, Layers)
            .SelectMany(layer => LayerTensors.Select(tensor => (tensor.Name.Replace("*", $"{layer}", StringComparison.Ordinal), tensor.Shape)))
            .Concat(ModelTensors);
}
