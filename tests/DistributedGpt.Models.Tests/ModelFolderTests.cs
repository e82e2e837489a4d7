using System.Text.Json.Nodes;
using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

/// <summary>What real folders do, each in one way more than the goldens.</summary>
public sealed class ModelFolderTests
{
    [Fact]
    public void Open_NoFolder_IsRefused()
    {
        string path = TestData.Find("nothing");
        Assert.Equal($"{path}: folder: expected a model folder, found nothing", Assert.Throws<ModelFormatException>(() => ModelFolder.Open(path)).Message);
        string file = TestData.Find("golden", "README.md");
        Assert.Equal($"{file}: folder: expected a model folder, found a file", Assert.Throws<ModelFormatException>(() => ModelFolder.Open(file)).Message);
    }

    [Fact]
    public void ReadConfig_NoFile_IsRefused() =>
        Assert.Equal(
            "config.json: file: expected a file with content, found nothing",
            Assert.Throws<ModelFormatException>(() => ModelFolder.ReadConfig(TestData.Find("golden", "config.json"))).Message);

    [Fact]
    public void Config_Gpt2_IsRead()
    {
        using ModelFolder folder = Golden("gpt2-scaled-inverse-bf16");
        Assert.Equal(
            new ModelConfig
            {
                ModelType = "gpt2", VocabularySize = 384, HiddenSize = 64, LayerCount = 3, HeadCount = 4, KeyValueHeadCount = 4, HeadSize = 16,
                IntermediateSize = 256, ContextLength = 128, Norm = NormKind.LayerNorm, NormEpsilon = 1e-5f, Activation = ActivationKind.GeluTanh,
                GatedMlp = false, QueryKeyValueBias = true, AttentionOutputBias = true, MlpBias = true, TiedEmbeddings = true,
                ScaleAttentionByInverseLayerIndex = true, WeightType = TensorType.BFloat16,
            },
            folder.Config);
    }

    [Fact]
    public void Config_LlamaWithLlama3Rope_IsRead()
    {
        using ModelFolder folder = Golden("llama3-head-dim");
        Assert.Equal(
            new ModelConfig
            {
                ModelType = "llama", VocabularySize = 384, HiddenSize = 64, LayerCount = 3, HeadCount = 4, KeyValueHeadCount = 2, HeadSize = 24,
                IntermediateSize = 152, ContextLength = 256, Norm = NormKind.RmsNorm, NormEpsilon = 1e-5f, Activation = ActivationKind.Silu,
                GatedMlp = true, QueryKeyValueBias = false, AttentionOutputBias = false, MlpBias = false, TiedEmbeddings = false,
                Rotary = new(500000, RotaryScaling.Llama3, 32, 1, 4, 64), WeightType = TensorType.Float32,
            },
            folder.Config);
    }

    [Theory]
    [InlineData("llama-linear-old-spelling", 10000, RotaryScaling.Linear, 4, TensorType.Float32)]
    [InlineData("llama3-old-spelling-bf16", 500000, RotaryScaling.Llama3, 8, TensorType.BFloat16)]
    [InlineData("llama-mha-tied-bf16-sharded", 100000, RotaryScaling.Default, 1, TensorType.BFloat16)]
    [InlineData("qwen3-tied-bf16-old-spelling", 1000000, RotaryScaling.Default, 1, TensorType.BFloat16)]
    [InlineData("llama-biases-f16", 10000, RotaryScaling.Default, 1, TensorType.Float16)]
    public void Config_EitherSpelling_GivesRotaryAndType(string name, double theta, RotaryScaling scaling, double factor, TensorType type)
    {
        using ModelFolder folder = Golden(name);
        RotaryConfig rotary = folder.Config.Rotary!;
        Assert.Equal((theta, scaling, factor, type), (rotary.Theta, rotary.Scaling, rotary.Factor, folder.Config.WeightType));
    }

    [Theory]
    [InlineData("llama", false, false, false, false)]
    [InlineData("llama-biases-f16", true, true, true, false)]
    [InlineData("mistral", false, false, false, false)]
    [InlineData("qwen2", true, false, false, false)]
    [InlineData("qwen3", false, false, false, true)]
    public void Config_Family_HasItsBiasesAndNorms(string name, bool queryKeyValue, bool output, bool mlp, bool queryKeyNorm)
    {
        using ModelFolder folder = Golden(name);
        ModelConfig config = folder.Config;
        Assert.Equal((queryKeyValue, output, mlp, queryKeyNorm), (config.QueryKeyValueBias, config.AttentionOutputBias, config.MlpBias, config.QueryKeyNorm));
    }

    [Theory]
    [InlineData("qwen3", "head_dim", 128)]
    [InlineData("llama", "head_dim", 16)]
    [InlineData("mistral", "head_dim", 16)]
    public void ReadConfig_HeadSizeAbsent_IsTheFamilysDefault(string name, string key, int expected)
    {
        using FolderCopy copy = new(name);
        copy.EditJson("config.json", config => config.Remove(key));
        Assert.Equal(expected, ModelFolder.ReadConfig(copy["config.json"]).HeadSize);
    }

    [Theory]
    [InlineData("llama", "rope_parameters", "null", "{\"rope_theta\": 10000.0}")]
    [InlineData("llama", "sliding_window", "256", null)]
    [InlineData("mistral", "sliding_window", "4096", null)]
    [InlineData("qwen2", "sliding_window", "16", null)]
    [InlineData("llama", "pretraining_tp", "2", null)]
    [InlineData("llama", "time_step_limit", "\"placeholder\"", null)]
    public void Open_SettingThatChangesNothing_IsTheSameModel(string name, string key, string value, string? more)
    {
        using FolderCopy copy = new(name);
        using ModelFolder golden = Golden(name);
        copy.EditJson("config.json", config =>
        {
            config[key] = JsonNode.Parse(value);
            foreach ((string other, JsonNode? node) in JsonNode.Parse(more ?? "{}")!.AsObject()) config[other] = node!.DeepClone();
        });
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        Assert.Equal(golden.Config, folder.Config);
    }

    [Fact]
    public void Open_ByteOrderMarkAndPythonsInfinity_AreRead()
    {
        using FolderCopy copy = new("llama");
        copy.ReplaceText("config.json", "{", "{\"limits\": [0, Infinity, -Infinity, NaN, \"NaN \\\" Infinity\"],");
        copy.EditBytes(bytes => [0xef, 0xbb, 0xbf, .. bytes], "config.json");
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        using ModelFolder golden = Golden("llama");
        Assert.Equal(golden.Config, folder.Config);
    }

    [Theory]
    [InlineData("gpt2", "transformer.", "")]
    [InlineData("llama", "model.", "")]
    [InlineData("llama", "model.", "language_model.model.")]
    [InlineData("qwen3", "model.", "model.language_model.")]
    [InlineData("llama", "model.", "model.text_model.")]
    public void Open_OtherPrefix_FindsTheSameTensors(string name, string prefix, string other)
    {
        using FolderCopy copy = new(name);
        copy.EditHeaderText(text => text.Replace($"\"{prefix}", $"\"{other}", StringComparison.Ordinal));
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        AssertSameWeights(name, folder);
    }

    [Fact]
    public void Open_BuffersAndOtherTowers_AreLeftAlone()
    {
        using FolderCopy copy = new("gpt2");
        copy.AddTensor("transformer.h.0.attn.bias", "U8", 16384, "[1, 1, 128, 128]");
        copy.AddTensor("transformer.h.1.attn.masked_bias", "F32", 4, "[]");
        copy.AddTensor("h.2.attention.bias", "BOOL", 0, "[0, 5]");
        copy.AddTensor("vision_tower.blocks.0.weight", "F8_E4M3", 3, "[3]");
        copy.AddTensor("model.vision_model.norm.weight", "I64", 8, "[1]");
        copy.AddTensor("lm_head.weight", "F32", 4, "[1]");
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        AssertSameWeights("gpt2", folder);
    }

    [Fact]
    public void Open_RotaryFrequenciesStored_AreLeftAlone()
    {
        using FolderCopy copy = new("llama");
        copy.AddTensor("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", 32, "[8]");
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        AssertSameWeights("llama", folder);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama-biases-f16")]
    [InlineData("qwen2-tied-bf16")]
    public void Open_DataAtOddAddress_IsReadAllTheSame(string name)
    {
        using FolderCopy copy = new(name);
        copy.EditHeaderText(text => text.TrimEnd() is var bare && bare.Length % 2 == 0 ? bare + " " : bare);
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        AssertSameWeights(name, folder);
    }

    [Fact]
    public void Open_IndexAndSingleFile_ReadsTheSingleFileAndSaysSo()
    {
        using FolderCopy copy = new("llama");
        File.WriteAllText(copy["model.safetensors.index.json"], "{\"weight_map\": {\"x\": \"absent.safetensors\"}}");
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        Assert.Equal(["model.safetensors is read; model.safetensors.index.json beside it is not"], folder.Notes);
        Assert.Equal(["model.safetensors"], folder.WeightFiles);
    }

    [Fact]
    public void Open_StrayWeightFileBesideShards_IsNotRead()
    {
        using FolderCopy copy = new("llama-mha-tied-bf16-sharded");
        File.WriteAllText(copy["model-00007-of-00006.safetensors"], "no weights");
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        Assert.Equal(6, folder.WeightFiles.Count);
        Assert.Empty(folder.Notes);
        AssertSameWeights("llama-mha-tied-bf16-sharded", folder);
    }

    [Fact]
    public void Find_Gpt2_ViewsTheFusedConv1DByOutputs()
    {
        using ModelFolder folder = Golden("gpt2");
        float[] fused = ReadStored("gpt2", "transformer.h.1.attn.c_attn.weight");
        float[] bias = ReadStored("gpt2", "transformer.h.1.attn.c_attn.bias");
        LayerTensor[] weights = [LayerTensor.QueryWeight, LayerTensor.KeyWeight, LayerTensor.ValueWeight];
        LayerTensor[] biases = [LayerTensor.QueryBias, LayerTensor.KeyBias, LayerTensor.ValueBias];
        for (int part = 0; part < 3; part++)
        {
            for (int output = 0; output < 64; output++)
            {
                Assert.Equal(bias[part * 64 + output], folder.Find(1, biases[part])!.Value[0, output]);
                for (int input = 0; input < 64; input++)
                    Assert.Equal(fused[input * 192 + part * 64 + output], folder.Find(1, weights[part])!.Value[output, input]);
            }
        }
    }

    [Fact]
    public void Find_TensorsBeyondFourGigabytes_AreReadWhereTheyStand()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "needs a file system with sparse files");
        const int rows = 300_000, hidden = 4096;
        const long embedding = (long)rows * hidden * sizeof(float);
        using FolderCopy copy = new("llama");
        copy.EditJson("config.json", config =>
        {
            foreach ((string key, int value) in (ReadOnlySpan<(string, int)>)
                [("vocab_size", rows), ("hidden_size", hidden), ("head_dim", 2), ("intermediate_size", 1), ("num_hidden_layers", 1)]) config[key] = value;
            config["tie_word_embeddings"] = true;
        });
        copy.EditHeader(header =>
        {
            long end = 0;
            header.Remove("lm_head.weight");
            foreach (string other in header.Select(entry => entry.Key).Where(name => name.Contains("layers.1.") || name.Contains("layers.2.")).ToArray())
                header.Remove(other);
            foreach ((string name, JsonNode? entry) in header.Where(entry => entry.Key != "__metadata__").OrderByDescending(entry => entry.Key == "model.embed_tokens.weight"))
            {
                int[] shape = name switch
                {
                    "model.embed_tokens.weight" => [rows, hidden],
                    _ when name.Contains("norm") => [hidden],
                    _ when name.Contains("q_proj") => [8, hidden],
                    _ when name.Contains("k_proj") || name.Contains("v_proj") => [4, hidden],
                    _ when name.Contains("o_proj") => [hidden, 8],
                    _ when name.Contains("down_proj") => [hidden, 1],
                    _ => [1, hidden],
                };
                long bytes = shape.Aggregate(4L, (size, dimension) => size * dimension);
                entry!["shape"] = new JsonArray([.. shape.Select(dimension => JsonValue.Create(dimension))]);
                entry["data_offsets"] = new JsonArray(end, end += bytes);
            }
        });
        byte[] head = File.ReadAllBytes(copy[FolderCopy.Weights]);
        using (FileStream file = File.OpenWrite(copy[FolderCopy.Weights]))
        {
            long dataStart = 8 + BitConverter.ToInt64(head);
            file.SetLength(dataStart);
            long end = JsonNode.Parse(head.AsSpan(8, (int)dataStart - 8))!.AsObject().Where(entry => entry.Key != "__metadata__").Max(entry => (long)entry.Value!["data_offsets"]![1]!);
            file.SetLength(dataStart + end);
            file.Position = dataStart + embedding - sizeof(float);
            file.Write(BitConverter.GetBytes(42f));
        }
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        TensorView view = folder.Find(ModelTensor.TokenEmbedding)!.Value;
        Assert.Equal(42, view[rows - 1, hidden - 1]);
        Assert.Equal(42, view.Transpose().SliceRows(hidden - 1, 1).SliceColumns(rows - 1, 1)[0, 0]);
        float[] row = new float[hidden];
        view.CopyRow(rows - 1, row);
        Assert.Equal((0, 42), (row[0], row[^1]));
        Assert.Equal(embedding, folder.WeightBytes(ModelTensor.TokenEmbedding));
    }

    [Theory]
    [InlineData("qwen2-tied-bf16", true)]
    [InlineData("qwen2", false)]
    public void Find_Unembedding_IsTheEmbeddingWhereTied(string name, bool tied)
    {
        using ModelFolder folder = Golden(name);
        Assert.Equal(tied, folder.Find(ModelTensor.TokenEmbedding) == folder.Find(ModelTensor.Unembedding));
        Assert.Null(folder.Find(ModelTensor.PositionEmbedding));
    }

    [Fact]
    public void Find_LayerOutOfRangeOrClosed_Throws()
    {
        ModelFolder folder = Golden("llama");
        Assert.Throws<ArgumentOutOfRangeException>(() => folder.Find(3, LayerTensor.UpWeight));
        Assert.Throws<ArgumentOutOfRangeException>(() => folder.Find(-1, LayerTensor.UpWeight));
        folder.Dispose();
        folder.Dispose();
        Assert.Throws<ObjectDisposedException>(() => folder.Find(0, LayerTensor.UpWeight));
        Assert.Throws<ObjectDisposedException>(() => folder.Find(ModelTensor.TokenEmbedding));
    }

    [Fact]
    public void WeightBytes_HalfPrecision_CountsItWidened()
    {
        using ModelFolder half = Golden("llama-biases-f16"), upper = Golden("qwen2-tied-bf16");
        Assert.Equal(384 * 64 * 4, half.WeightBytes(ModelTensor.TokenEmbedding));
        Assert.Equal(384 * 64 * 2, upper.WeightBytes(ModelTensor.Unembedding));
        Assert.Equal(0, upper.WeightBytes(ModelTensor.PositionEmbedding));
    }

    [Fact]
    public void Generation_Golden_StopsWhereConfigAndTokenizerSay()
    {
        using ModelFolder folder = Golden("llama");
        Assert.Equal([0], folder.Generation.StopTokenIds);
        Assert.Null(folder.Generation.DoSample);
        Assert.Null(folder.Generation.Temperature);
    }

    [Fact]
    public void Generation_FileGivesSampling_IsRead()
    {
        using FolderCopy copy = new("llama");
        File.WriteAllText(copy["generation_config.json"], """
            {"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": null, "repetition_penalty": 1.1, "eos_token_id": [9, 7, 9, 384, -1]}
            """);
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        GenerationDefaults generation = folder.Generation;
        Assert.Equal((true, 0.6, 20, 0.95, null, 1.1), (generation.DoSample, generation.Temperature, generation.TopK, generation.TopP, generation.MinP, generation.RepetitionPenalty));
        Assert.Equal([7, 9], generation.StopTokenIds);
    }

    [Theory]
    [InlineData("\"<|bos|>\"", new[] { 1, 5 })]
    [InlineData("{\"content\": \"<|bos|>\", \"lstrip\": false}", new[] { 1, 5 })]
    [InlineData("\"<|unknown|>\"", new[] { 5 })]
    [InlineData("null", new[] { 5 })]
    public void Generation_TokenizersEnd_IsAStopToo(string end, int[] expected)
    {
        using FolderCopy copy = new("llama");
        File.Copy(TestData.Find("golden", "llama", "tokenizer.json"), copy["tokenizer.json"]);
        File.Delete(copy["generation_config.json"]);
        copy.SetConfig("eos_token_id", "5");
        copy.EditJson("tokenizer_config.json", config => config["eos_token"] = JsonNode.Parse(end));
        using ModelFolder folder = ModelFolder.Open(copy.Path);
        Assert.Equal(expected, folder.Generation.StopTokenIds);
    }

    private static ModelFolder Golden(string name) => ModelFolder.Open(TestData.Find("golden", name));

    private static float[] ReadStored(string golden, string tensor)
    {
        byte[] bytes = File.ReadAllBytes(TestData.Find("golden", golden, "model.safetensors"));
        int header = (int)BitConverter.ToInt64(bytes);
        JsonNode entry = JsonNode.Parse(bytes.AsSpan(8, header))![tensor]!;
        int begin = (int)entry["data_offsets"]![0]!, end = (int)entry["data_offsets"]![1]!;
        float[] values = new float[(end - begin) / 4];
        Buffer.BlockCopy(bytes, 8 + header + begin, values, 0, end - begin);
        return values;
    }

    private static void AssertSameWeights(string name, ModelFolder folder)
    {
        using ModelFolder golden = Golden(name);
        foreach (ModelTensor tensor in Enum.GetValues<ModelTensor>()) Assert.Equal(Copy(golden.Find(tensor)), Copy(folder.Find(tensor)));
        for (int layer = 0; layer < golden.Config.LayerCount; layer++)
        {
            foreach (LayerTensor tensor in Enum.GetValues<LayerTensor>())
                Assert.Equal(Copy(golden.Find(layer, tensor)), Copy(folder.Find(layer, tensor)));
        }
    }

    private static float[] Copy(TensorView? view)
    {
        float[] copy = new float[(view?.Rows * view?.Columns) ?? 0];
        view?.CopyTo(copy);
        return copy;
    }
}
