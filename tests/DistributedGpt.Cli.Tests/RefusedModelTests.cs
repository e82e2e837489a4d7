using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace DistributedGpt.Cli.Tests;

public sealed class RefusedModelTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dgpt-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("gemma", "gemma")]
    [InlineData("gemma2", "gemma2")]
    [InlineData("gemma3", "gemma3_text")]
    [InlineData("gpt-neox", "gpt_neox")]
    [InlineData("gpt-oss", "gpt_oss")]
    [InlineData("llama-yarn", "yarn")]
    [InlineData("mistral-window", "window")]
    [InlineData("mixtral", "mixtral")]
    [InlineData("olmo2", "olmo2")]
    [InlineData("phi3", "phi3")]
    [InlineData("qwen2-window", "window")]
    [InlineData("qwen3-moe", "qwen3_moe")]
    [InlineData("smollm3", "smollm3")]
    public async Task Generate_UnbuiltFamily_IsRefusedByName(string golden, string name) =>
        Assert.Contains(name, (await Dgpt.RunAsync("generate", "x", "--model", Dgpt.Golden(golden))).RefusalLine());

    [Fact]
    public async Task Generate_NoFolder_NamesIt()
    {
        string missing = Path.Combine(_folder, "missing");

        Assert.Contains(missing, (await Dgpt.RunAsync("generate", "x", "--model", missing)).RefusalLine());
    }

    [Theory]
    [InlineData("weights cut off", "model.safetensors")]
    [InlineData("header of 2^62 bytes", "model.safetensors")]
    [InlineData("header that is no JSON", "model.safetensors")]
    [InlineData("tensor of another shape", "model.safetensors")]
    [InlineData("no weights", "model.safetensors")]
    [InlineData("no width", "config.json")]
    [InlineData("a billion layers", "config.json")]
    [InlineData("config that is no JSON", "config.json")]
    [InlineData("no config", "config.json")]
    [InlineData("no tokenizer", "tokenizer.json")]
    [InlineData("tokenizer without a model", "tokenizer.json")]
    public async Task Generate_SpoiledFolder_NamesTheFile(string spoiling, string file)
    {
        foreach (string path in Directory.GetFiles(Dgpt.Golden("gpt2"))) File.Copy(path, Path.Combine(_folder, Path.GetFileName(path)));
        Spoil(spoiling);

        Assert.Contains(file, (await Dgpt.RunAsync("generate", "x", "--model", _folder)).RefusalLine());
    }

    private void Spoil(string spoiling)
    {
        string weights = Path.Combine(_folder, "model.safetensors");
        switch (spoiling)
        {
            case "weights cut off":
                File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^100]);
                break;
            case "header of 2^62 bytes":
                byte[] bytes = File.ReadAllBytes(weights);
                BinaryPrimitives.WriteInt64LittleEndian(bytes, 1L << 62);
                File.WriteAllBytes(weights, bytes);
                break;
            case "header that is no JSON":
                ReplaceHeader(weights, header => string.Concat("#", header.AsSpan(1)));
                break;
            case "tensor of another shape":
                ReplaceHeader(weights, header => header.Replace("[384,64]", "[64,384]", StringComparison.Ordinal));
                break;
            case "no weights":
                File.Delete(weights);
                break;
            case "no width":
                EditConfig(config => config.Remove("n_embd"));
                break;
            case "a billion layers":
                EditConfig(config => config["n_layer"] = 1_000_000_000);
                break;
            case "config that is no JSON":
                File.WriteAllText(Path.Combine(_folder, "config.json"), "{");
                break;
            case "no config":
                File.Delete(Path.Combine(_folder, "config.json"));
                break;
            case "no tokenizer":
                File.Delete(Path.Combine(_folder, "tokenizer.json"));
                break;
            case "tokenizer without a model":
                File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), """{"version": "1.0"}""");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(spoiling));
        }
    }

    /// <summary>Writes another header of the same length.</summary>
    private static void ReplaceHeader(string path, Func<string, string> replace)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        string before = Encoding.UTF8.GetString(bytes, 8, length), after = replace(before);
        Assert.NotEqual(before, after);
        Assert.Equal(length, Encoding.UTF8.GetBytes(after, bytes.AsSpan(8, length)));
        File.WriteAllBytes(path, bytes);
    }

    private void EditConfig(Action<JsonObject> edit)
    {
        string path = Path.Combine(_folder, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        edit(config);
        File.WriteAllText(path, config.ToJsonString());
    }
}
