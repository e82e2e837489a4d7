using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistributedGpt.Models;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>A GPT-2 as a Hugging Face model folder.</summary>
internal static class Gpt2Folder
{
    private const string WeightsFile = "model.safetensors";

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    /// <summary>Writes configuration and weights; the tokenizer is there already.</summary>
    public static void Write(string folder, TrainingOptions options, int vocabulary, Gpt2Parameters parameters, Tensor values)
    {
        WriteJson(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("GPT2LMHeadModel"),
            ["model_type"] = "gpt2",
            ["activation_function"] = "gelu_new",
            ["vocab_size"] = vocabulary,
            ["n_positions"] = options.Context,
            ["n_embd"] = options.Hidden,
            ["n_layer"] = options.Layers,
            ["n_head"] = options.Heads,
            ["n_inner"] = null,
            ["layer_norm_epsilon"] = 1e-5,
            ["scale_attn_weights"] = true,
            ["scale_attn_by_inverse_layer_idx"] = false,
            ["resid_pdrop"] = options.Dropout,
            ["embd_pdrop"] = options.Dropout,
            ["attn_pdrop"] = options.Dropout,
            ["tie_word_embeddings"] = true,
            ["bos_token_id"] = 0,
            ["eos_token_id"] = 0,
            ["dtype"] = "bfloat16",
        });
        WriteJson(Path.Combine(folder, "generation_config.json"), new JsonObject
        {
            ["bos_token_id"] = 0,
            ["eos_token_id"] = 0,
            ["do_sample"] = true,
            ["temperature"] = 0.8,
        });
        using Tensor host = values.cpu();
        string unfinished = Path.Combine(folder, WeightsFile + ".tmp");
        SafetensorsWriter.WriteBFloat16(unfinished, [.. parameters.Entries.Select(entry =>
        {
            using Tensor view = Gpt2Parameters.View(host, entry).detach();
            return (entry.Name, entry.Shape, view.data<float>().ToArray());
        })]);
        File.Move(unfinished, Path.Combine(folder, WeightsFile), overwrite: true);
    }

    /// <summary>The weights of a GPT-2's folder, flat.</summary>
    /// <exception cref="ModelFormatException">The folder holds no model, or one of another shape.</exception>
    public static Tensor Read(string folder, Gpt2Parameters parameters)
    {
        using ModelFolder model = ModelFolder.Open(folder);
        float[] values = new float[parameters.Elements];
        foreach (Gpt2Parameters.Entry entry in parameters.Entries)
        {
            // A matrix's columns may be several tensors side by side: queries, keys and values.
            TensorView[] parts = [.. Find(model, entry.Name)];
            int rows = parts[0].Rows, columns = parts.Sum(part => part.Columns);
            if ((long)rows * columns != entry.Elements || columns != entry.Shape[^1])
                throw new ModelFormatException($"{folder}: {entry.Name}: expected [{string.Join(", ", entry.Shape)}], found [{rows}, {columns}]");
            for (int row = 0; row < rows; row++)
            {
                Span<float> destination = values.AsSpan((int)entry.Offset + row * columns, columns);
                foreach (TensorView part in parts)
                {
                    part.CopyRow(row, destination);
                    destination = destination[part.Columns..];
                }
            }
        }
        return tensor(values);
    }

    private static IEnumerable<TensorView> Find(ModelFolder model, string name)
    {
        string[] parts = name.Split('.');
        if (parts[1] != "h")
        {
            return [model.Find(string.Join('.', parts[1..]) switch
            {
                "wte.weight" => ModelTensor.TokenEmbedding,
                "wpe.weight" => ModelTensor.PositionEmbedding,
                "ln_f.weight" => ModelTensor.FinalNormWeight,
                _ => ModelTensor.FinalNormBias,
            })!.Value];
        }
        int layer = int.Parse(parts[2], CultureInfo.InvariantCulture);
        LayerTensor[] tensors = string.Join('.', parts[3..]) switch
        {
            "ln_1.weight" => [LayerTensor.AttentionNormWeight],
            "ln_1.bias" => [LayerTensor.AttentionNormBias],
            "ln_2.weight" => [LayerTensor.MlpNormWeight],
            "ln_2.bias" => [LayerTensor.MlpNormBias],
            "attn.c_attn.weight" => [LayerTensor.QueryWeight, LayerTensor.KeyWeight, LayerTensor.ValueWeight],
            "attn.c_attn.bias" => [LayerTensor.QueryBias, LayerTensor.KeyBias, LayerTensor.ValueBias],
            "attn.c_proj.weight" => [LayerTensor.OutputWeight],
            "attn.c_proj.bias" => [LayerTensor.OutputBias],
            "mlp.c_fc.weight" => [LayerTensor.UpWeight],
            "mlp.c_fc.bias" => [LayerTensor.UpBias],
            "mlp.c_proj.weight" => [LayerTensor.DownWeight],
            _ => [LayerTensor.DownBias],
        };
        // Projections are [outputs, inputs] there and [inputs, outputs] here.
        bool transposed = name.EndsWith("weight", StringComparison.Ordinal) && !parts[3].StartsWith("ln", StringComparison.Ordinal);
        return tensors.Select(tensor => model.Find(layer, tensor)!.Value).Select(view => transposed ? view.Transpose() : view);
    }

    private static void WriteJson(string path, JsonObject content) => File.WriteAllText(path, content.ToJsonString(s_json) + "\n");
}
