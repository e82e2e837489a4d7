using System.Text.Json.Nodes;
using CsCheck;

namespace DistributedGpt.Models.Tests;

/// <summary>Whatever the bytes are: a folder opens and all of its weights can be read, or it is refused with one line.</summary>
public sealed class HostileFolderTests
{
    private static readonly string[] HostileValues =
    [
        "null", "true", "false", "0", "1", "-1", "2", "3", "0.5", "1e300", "-1e-300", "2147483647", "2147483648", "9223372036854775807",
        "18446744073709551616", "\"\"", "\"x\"", "\"NaN\"", "\"\\u0000\\n\"", "[]", "[null]", "[-1]", "{}", "{\"x\": []}",
    ];

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3-head-dim")]
    public void Open_HostileValueInAnyField_OpensOrIsRefused(string golden)
    {
        using FolderCopy folder = new(golden);
        foreach (string file in (string[])["config.json", "generation_config.json", "tokenizer_config.json"])
        {
            string sound = File.ReadAllText(folder[file]);
            foreach (string path in Paths(JsonNode.Parse(sound)!.AsObject()))
            {
                foreach (string value in HostileValues)
                {
                    JsonObject json = JsonNode.Parse(sound)!.AsObject();
                    Set(json, path, value);
                    File.WriteAllText(folder[file], json.ToJsonString());
                    AssertOpensOrIsRefused(folder, $"{file}: {path} = {value}");
                }
            }
            File.WriteAllText(folder[file], sound);
        }
    }

    [Fact]
    public void Open_HostileValueInAHeader_OpensOrIsRefused()
    {
        using FolderCopy folder = new("llama");
        byte[] sound = File.ReadAllBytes(folder[FolderCopy.Weights]);
        foreach (string tensor in (string[])["model.norm.weight", "model.embed_tokens.weight", "__metadata__"])
        {
            foreach (string key in (string[])["dtype", "shape", "data_offsets"])
            {
                foreach (string value in HostileValues)
                {
                    folder.SetEntry(tensor, key, value);
                    AssertOpensOrIsRefused(folder, $"{tensor}.{key} = {value}");
                    File.WriteAllBytes(folder[FolderCopy.Weights], sound);
                }
            }
        }
    }

    [Theory]
    [InlineData("llama", "model.safetensors")]
    [InlineData("llama-mha-tied-bf16-sharded", "model-00003-of-00006.safetensors")]
    [InlineData("llama-mha-tied-bf16-sharded", "model.safetensors.index.json")]
    [InlineData("llama3-old-spelling-bf16", "config.json")]
    [InlineData("gpt2", "config.json")]
    public void Open_FlippedAndMissingBytes_OpensOrIsRefused(string golden, string file)
    {
        using FolderCopy folder = new(golden);
        byte[] sound = File.ReadAllBytes(folder[file]);
        int headLength = file.EndsWith(".json", StringComparison.Ordinal) ? sound.Length : 8 + (int)BitConverter.ToInt64(sound);
        Gen<(int At, byte Value)[]> changes = Gen.Select(Gen.Int[0, headLength - 1], Gen.Byte).Array[1, 4];
        Gen.Select(changes, Gen.Frequency((4, Gen.Const(sound.Length)), (1, Gen.Int[0, sound.Length]))).Sample(
            (change, length) =>
            {
                byte[] bytes = [.. sound];
                foreach ((int at, byte value) in change) bytes[at] = value;
                File.WriteAllBytes(folder[file], bytes.AsSpan(0, length));
                AssertOpensOrIsRefused(folder, file);
            },
            iter: 300,
            threads: 1);
    }

    private static void AssertOpensOrIsRefused(FolderCopy folder, string what)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using ModelFolder open = ModelFolder.Open(folder.Path);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            ReadAll(open);
        }
        catch (ModelFormatException error)
        {
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            Assert.Matches(@"^[^\x00-\x1f]+: [^\x00-\x1f]*: expected [^\x00-\x1f]+, found [^\x00-\x1f]*$", error.Message);
        }
        catch (Exception error)
        {
            throw new InvalidOperationException(what, error);
        }
        Assert.True(allocated < 4 << 20, $"{what} made Open allocate {allocated} bytes");
    }

    private static void ReadAll(ModelFolder folder)
    {
        foreach (ModelTensor tensor in Enum.GetValues<ModelTensor>()) Read(folder.Find(tensor));
        for (int layer = 0; layer < folder.Config.LayerCount; layer++)
        {
            foreach (LayerTensor tensor in Enum.GetValues<LayerTensor>()) Read(folder.Find(layer, tensor));
        }
    }

    private static void Read(TensorView? view)
    {
        if (view is TensorView found) found.CopyTo(new float[found.Rows * found.Columns]);
    }

    private static IEnumerable<string> Paths(JsonObject json, string prefix = "") =>
        json.SelectMany(field => field.Value is JsonObject inner
            ? [prefix + field.Key, .. Paths(inner, $"{prefix}{field.Key}/")]
            : (IEnumerable<string>)[prefix + field.Key]);

    private static void Set(JsonObject json, string path, string value)
    {
        string[] keys = path.Split('/');
        foreach (string key in keys[..^1]) json = json[key]!.AsObject();
        json[keys[^1]] = JsonNode.Parse(value);
    }
}
