using System.Text.Json;

namespace DistributedGpt.Cli.Tests;

public sealed class PlanTests : IDisposable
{
    private const string Gpt3 = """{"model_type": "gpt2", "n_layer": 96, "n_embd": 12288, "n_head": 96, "n_inner": 49152, "n_positions": 2048, "vocab_size": 50257}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("dgpt-test-").FullName;

    private string Config => Path.Combine(_folder, "config.json");

    private string Silos => Path.Combine(_folder, "silos.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>
    /// At 1 and 2 ms for a layer, 64 and 32 of the 96 layers take as long. The head is worth a third of a layer (50257 x 12288 weights
    /// beside 12 x 12288 x 12288): with it the fast silo takes 64.34 ms and the other 64.68, and a layer less there is 66 ms on the other.
    /// </summary>
    [Fact]
    public async Task Plan_Gpt3OnUnequalSilos_IsTheSolutionByHand()
    {
        JsonElement plan = await PlanAsync("""
            {"silos": [
              {"name": "fast", "memory": "600GiB", "layer_ms": {"1": 1}},
              {"name": "half", "memory": "600GiB", "layer_ms": {"1": 2}},
              {"name": "tiny", "memory": "1GiB", "layer_ms": {"1": 0.1}}]}
            """);

        Assert.Equal(["half 32", "fast 64"], Stages(plan).Select(stage => $"{stage.GetProperty("silo").GetString()} {stage.GetProperty("layer_count").GetInt32()}"));
        Assert.Equal(["tiny"], plan.GetProperty("left_out").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(10240, plan.GetProperty("kv_tokens").GetInt64());
        double head = 50257.0 * 12288 / (12 * 12288.0 * 12288);
        double[] expected = [1000 / (64 + 64 + head), 8000 / (2 * 4 * (64 + head)), 64000 / (2 * 32 * (64 + head))];
        JsonElement[] predictions = [.. plan.GetProperty("predictions").EnumerateArray()];
        Assert.Equal([1, 8, 64], predictions.Select(prediction => prediction.GetProperty("requests").GetInt32()));
        for (int i = 0; i < 3; i++) Assert.Equal(expected[i], predictions[i].GetProperty("tokens_per_second").GetDouble(), 6);
        Assert.Contains("fast is the slowest stage", predictions[2].GetProperty("why").GetString());
        Assert.Contains("tiny would be done sooner with one layer more, but lacks the memory", predictions[2].GetProperty("why").GetString());
    }

    [Fact]
    public async Task Plan_Memory_IsThatOfWeightsCacheAndBorderLog()
    {
        JsonElement stage = Stages(await PlanAsync("""{"silos": [{"name": "a", "memory": "400GiB", "layer_ms": {"1": 1}}, {"name": "b", "memory": "400GiB", "layer_ms": {"1": 1}}]}""", "--kv-tokens", "1600"))[0];

        long layers = stage.GetProperty("layer_count").GetInt64(), layer = 12L * 12288 * 12288 + 13L * 12288;
        Assert.Equal((layers * layer + (50257 + 2048) * 12288L) * 4, stage.GetProperty("weight_bytes").GetInt64());
        Assert.Equal(layers * 1600 * 2 * 12288 * 4, stage.GetProperty("kv_bytes").GetInt64());
        Assert.Equal(1600L * 12288 * 4, stage.GetProperty("border_log_bytes").GetInt64());
        Assert.Equal(400L << 30, stage.GetProperty("memory_bytes").GetInt64());
    }

    [Fact]
    public async Task Plan_Replicas_AreAsManyAsAreFastest()
    {
        const string Slow = """
            {"network": {"latency_ms": 500, "gigabits_per_second": 1},
             "silos": [{"name": "a", "memory": "2TiB", "layer_ms": {"1": 1, "64": 20}}, {"name": "b", "memory": "2TiB", "layer_ms": {"1": 1, "64": 20}}]}
            """;

        Assert.Equal(2, (await PlanAsync(Slow, "--replicas", "auto")).GetProperty("replicas").GetArrayLength());
        Assert.Single(Stages(await PlanAsync(Slow)));
    }

    [Fact]
    public async Task Plan_ForAPerson_ShowsStagesSpeedAndReason()
    {
        await WriteAsync("""{"silos": [{"name": "a", "memory": 500000000000, "layer_ms": {"1": 1}}, {"name": "b", "memory": "500GiB", "layer_ms": {"1": 1}}]}""");

        DgptResult result = await Dgpt.RunAsync("plan", "--config", Config, "--silos", Silos);

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Matches(@"0 +│ +0 to 47 +│ +[ab] +│ +cpu +│ +embedding", result.Output);
        Assert.Matches(@"64 +│ +20\.\d\d +│.*slowest stage", result.Output);
    }

    [Fact]
    public async Task Plan_ModelThatFitsNowhere_IsRefusedWithTheNumbers()
    {
        await WriteAsync("""{"silos": [{"name": "a", "memory": "64GiB", "layer_ms": {"1": 1}}]}""");

        string line = (await Dgpt.RunAsync("plan", "--config", Config, "--silos", Silos)).RefusalLine();

        Assert.StartsWith($"{Config}: memory: expected at least ", line);
        Assert.Contains("tokens of KV cache", line);
        Assert.EndsWith("a has 68,719,476,736), found 68,719,476,736 free", line);
    }

    [Theory]
    [InlineData("""{"silos": []}""", "silos: expected a list of at least one silo, found a list")]
    [InlineData("""{"silo": []}""", "silo: expected no key but silos, network, links, found a list")]
    [InlineData("""{"silos": [{"memory": 1, "layer_ms": {"1": 1}}]}""", "silos[0].name: expected a name, found nothing")]
    [InlineData("""{"silos": [{"name": "a", "memory": "lots", "layer_ms": {"1": 1}}]}""", "silos[0].memory: expected a number of bytes, or a size such as \"64GiB\", found \"lots\"")]
    [InlineData("""{"silos": [{"name": "a", "memory": 1, "layer_ms": {"1": -2}}]}""", "silos[0].layer_ms.1: expected a number from 1E-09 to 1000000000, found -2")]
    [InlineData("""{"silos": [{"name": "a", "memory": 1, "layer_ms": {"one": 2}}]}""", "silos[0].layer_ms.one: expected a number of tokens as the key, each once, found \"one\"")]
    [InlineData("""{"silos": [{"name": "a", "memory": 1, "layer_ms": {}}]}""", "silos[0].layer_ms: expected at least one time, found none")]
    [InlineData("""{"silos": [{"name": "a", "memory": 1, "layer_ms": {"1": 1}}, {"name": "a", "memory": 1, "layer_ms": {"1": 1}}]}""", "silos[1].name: expected a name that no other silo has, found \"a\"")]
    [InlineData("""{"silos": [{"name": "a", "memory": 1, "layer_ms": {"1": 1}}], "network": {"latency_ms": "fast"}}""", "network.latency_ms: expected a number from 0 to 1000000, found \"fast\"")]
    [InlineData("""{"silos": [{"name": "a", "memory": 1, "layer_ms": {"1": 1}}], "links": [{"silos": ["a", "c"]}]}""", "links[0].silos: expected a list of two names of silos, found [a, c]")]
    [InlineData("""{"silos": [""", "JSON: expected valid JSON, found an error at line 1")]
    public async Task Plan_BadInventory_IsRefusedByFieldAndValue(string inventory, string expected)
    {
        await WriteAsync(inventory);

        Assert.StartsWith("silos.json: " + expected, (await Dgpt.RunAsync("plan", "--config", Config, "--silos", Silos)).RefusalLine());
    }

    [Theory]
    [InlineData("plan --config nowhere.json --silos nowhere.json", "nowhere.json: file: expected a file")]
    [InlineData("plan", "Option '--silos' is required.")]
    [InlineData("plan --silos x --replicas some", "--replicas: expected")]
    public async Task Plan_BadCommand_IsOneLineOfError(string command, string expected) => Assert.StartsWith(expected, (await Dgpt.RunAsync(command.Split(' '))).RefusalLine());

    private static JsonElement[] Stages(JsonElement plan) => [.. plan.GetProperty("replicas")[0].GetProperty("stages").EnumerateArray()];

    private async Task WriteAsync(string inventory)
    {
        await File.WriteAllTextAsync(Config, Gpt3);
        await File.WriteAllTextAsync(Silos, inventory);
    }

    private async Task<JsonElement> PlanAsync(string inventory, params string[] options)
    {
        await WriteAsync(inventory);
        DgptResult result = await Dgpt.RunAsync(["plan", "--config", Config, "--silos", Silos, "--json", .. options]);
        Assert.True(result.ExitCode == 0, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }
}
