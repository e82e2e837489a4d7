using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using DistributedGpt.Models;
using DistributedGpt.Tests;

namespace DistributedGpt.Cli.Tests;

public sealed partial class GenerateTests
{
    private static readonly string[] Greedy = ["--temperature", "0", "--ignore-eos", "--max-tokens", "40"];

    [Theory]
    [InlineData("gpt2", false)]
    [InlineData("llama-mha-tied-bf16-sharded", false)]
    [InlineData("qwen2-tied-bf16", false)]
    [InlineData("qwen3-tied-bf16-old-spelling", true)]
    public async Task Generate_Golden_GivesTheReferenceIds(string name, bool endsInsideACharacter)
    {
        (string prompt, int[] promptIds, int[] greedy) = ReadGolden(name, 1);
        JsonElement json = await Dgpt.GenerateAsync([prompt, "--model", Dgpt.Golden(name), .. Greedy]);

        Assert.Equal(greedy, Ids(json));
        using Tokenizer tokenizer = Tokenizer.Load(Dgpt.Golden(name));
        string whole = tokenizer.Decode([.. promptIds, .. greedy])[prompt.Length..];
        Assert.Equal(endsInsideACharacter ? whole[..^1] : whole, json.GetProperty("text").GetString());
        Assert.Equal("length", json.GetProperty("finish_reason").GetString());
        JsonElement usage = json.GetProperty("usage");
        Assert.Equal((promptIds.Length, 40), (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32()));
        Assert.True(json.GetProperty("timings").GetProperty("tokens_per_second").GetDouble() > 0);
        Assert.False(json.TryGetProperty("choices", out _));
        Assert.False(json.TryGetProperty("logprobs", out _));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("2")]
    [InlineData("3")]
    public async Task Generate_Silos_GiveTheSameText(string silos)
    {
        (string prompt, _, int[] greedy) = ReadGolden("gpt2", 0);
        JsonElement json = await Dgpt.GenerateAsync([prompt, "--model", Dgpt.Golden("gpt2"), "--silos", silos, "--threads", "2", "--kv-dtype", "f32", "--device", "cpu", .. Greedy]);

        Assert.Equal(greedy, Ids(json));
    }

    [Fact]
    public async Task Generate_Text_PrintsTheTextAloneAndOneLineOfFigures()
    {
        (string prompt, int[] promptIds, int[] greedy) = ReadGolden("llama", 0);
        DgptResult result = await Dgpt.RunWithInputAsync(prompt, ["generate", "-", "--model", Dgpt.Golden("llama"), "--seed", "7", .. Greedy]);

        Assert.Equal(0, result.ExitCode);
        using Tokenizer tokenizer = Tokenizer.Load(Dgpt.Golden("llama"));
        Assert.Equal(tokenizer.Decode([.. promptIds, .. greedy])[prompt.Length..], result.Output);
        Assert.Matches(FiguresPattern(), result.Error);
    }

    [Theory]
    [InlineData("\"temperature\": 0")]
    [InlineData("\"top_k\": 1")]
    [InlineData("\"top_p\": 0")]
    [InlineData("\"min_p\": 1")]
    public async Task Generate_SettingOfTheFolder_Holds(string greedySetting)
    {
        (string prompt, _, int[] greedy) = ReadGolden("llama", 0);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dgpt-test-");
        try
        {
            foreach (string path in Directory.GetFiles(Dgpt.Golden("llama"))) File.Copy(path, Path.Combine(folder.FullName, Path.GetFileName(path)));
            File.WriteAllText(Path.Combine(folder.FullName, "generation_config.json"), $$"""{"do_sample": true, {{greedySetting}}}""");
            JsonElement json = await Dgpt.GenerateAsync([prompt, "--model", folder.FullName, "--ignore-eos", "--max-tokens", "40"]);

            Assert.Equal(greedy, Ids(json));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Generate_EndOfSequence_IsNotAmongTheIds()
    {
        JsonElement json = await Dgpt.GenerateAsync("Once more", "--model", Dgpt.Golden("llama"), "--temperature", "0", "--min-tokens", "2", "--logit-bias", "0:100");

        Assert.Equal(2, Ids(json).Length);
        Assert.Equal("stop", json.GetProperty("finish_reason").GetString());
        Assert.Equal(2, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Generate_SeveralWithLogprobs_AreChoices()
    {
        JsonElement json = await Dgpt.GenerateAsync(
            "Once more", "--model", Dgpt.Golden("llama"), "--n", "3", "--logprobs", "2", "--seed", "11", "--temperature", "1", "--max-tokens", "8", "--ignore-eos");

        JsonElement[] choices = [.. json.GetProperty("choices").EnumerateArray()];
        Assert.Equal([0, 1, 2], choices.Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.Equal(3, choices.Select(choice => choice.GetProperty("text").GetString()).Distinct().Count());
        Assert.Equal(choices[0].GetProperty("text").GetString(), json.GetProperty("text").GetString());
        Assert.Equal(24, json.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        foreach (JsonElement choice in choices)
        {
            JsonElement[] logprobs = [.. choice.GetProperty("logprobs").EnumerateArray()];
            Assert.Equal(Ids(choice), logprobs.Select(item => item.GetProperty("id").GetInt32()));
            Assert.All(logprobs, item => Assert.Equal(2, item.GetProperty("top_logprobs").GetArrayLength()));
        }
    }

    [Fact]
    public async Task Generate_JsonOfAnyCharacter_EscapesOnlyWhatJsonMust()
    {
        const string Token = "\\é漢🙂\"";
        string folder = Directory.CreateTempSubdirectory("dgpt-test-").FullName;
        foreach (string path in Directory.GetFiles(Dgpt.Golden("llama"))) File.Copy(path, Path.Combine(folder, Path.GetFileName(path)));
        string tokenizer = Path.Combine(folder, "tokenizer.json");
        JsonNode file = JsonNode.Parse(await File.ReadAllTextAsync(tokenizer))!;
        JsonNode added = file["added_tokens"]![0]!.DeepClone();
        (added["id"], added["content"], added["special"]) = (380, Token, false);
        file["added_tokens"]!.AsArray().Add(added);
        await File.WriteAllTextAsync(tokenizer, file.ToJsonString());

        DgptResult result = await Dgpt.RunAsync("generate", "x", "--model", folder, "--temperature", "0", "--max-tokens", "1", "--logit-bias", "380:100", "--json");
        Directory.Delete(folder, recursive: true);

        Assert.StartsWith("{\"text\":\"\\\\é漢🙂\\\"\",\"token_ids\":[380],", result.Output);
        Assert.Equal(Token, JsonDocument.Parse(result.Output).RootElement.GetProperty("text").GetString());
    }

    [Fact]
    public async Task Generate_WithoutSeed_NamesTheSeedThatRepeatsTheText()
    {
        string[] args = ["generate", "Once more", "--model", Dgpt.Golden("llama"), "--max-tokens", "20", "--ignore-eos"];
        DgptResult first = await Dgpt.RunAsync(args);
        string seed = SeedPattern().Match(first.Error).Groups[1].Value;
        DgptResult again = await Dgpt.RunAsync([.. args, "--seed", seed]);

        Assert.Equal(first.Output, again.Output);
    }

    [Fact]
    public async Task Generate_MaxTokensBeyondTheContext_EndsWithTheContextAndSaysSo()
    {
        DgptResult result = await Dgpt.RunAsync("generate", "Once more", "--model", Dgpt.Golden("gpt2"), "--temperature", "0", "--ignore-eos", "--max-tokens", "1000");

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("5 prompt tokens, 123 generated", result.Error);
        Assert.EndsWith("the context of 128 tokens is full\n", result.Error);
    }

    [Fact]
    public async Task Generate_PromptLongerThanTheContext_IsRefusedWithBothNumbers()
    {
        DgptResult result = await Dgpt.RunWithInputAsync(string.Concat(Enumerable.Repeat("Q", 200)), "generate", "-", "--model", Dgpt.Golden("gpt2"));

        string line = result.RefusalLine();
        Assert.Contains("200", line);
        Assert.Contains("128", line);
    }

    [Fact]
    public async Task Generate_NoPromptAndNothingAdded_IsRefused() =>
        Assert.Contains("The prompt is empty", (await Dgpt.RunAsync("generate", "--model", Dgpt.Golden("gpt2"))).RefusalLine());

    [Theory]
    [InlineData("--temperature 3", "--temperature is 3: it must be between 0 and 2.")]
    [InlineData("--temperature NaN", "--temperature is NaN: it must be between 0 and 2.")]
    [InlineData("--temperature hot", "--temperature: expected a number, found 'hot'")]
    [InlineData("--top-p 1.5", "--top-p is 1.5: it must be between 0 and 1.")]
    [InlineData("--top-k -2", "--top-k is -2: it must be between -1 and 2147483647.")]
    [InlineData("--max-tokens 0", "--max-tokens is 0: it must be between 1 and 2147483647.")]
    [InlineData("--max-tokens 1.5", "--max-tokens: expected a whole number, found '1.5'")]
    [InlineData("--n 0", "--n is 0: it must be between 1 and 128.")]
    [InlineData("--logit-bias 5", "--logit-bias: expected ID:BIAS, such as 42:-5, found '5'")]
    [InlineData("--logit-bias 5:101", "--logit-bias is 101: it must be between -100 and 100.")]
    [InlineData("--silos 0", "--silos: expected a whole number from 1 to 64, found '0'")]
    [InlineData("--threads 0", "--threads: expected a whole number from 1 to 1024, found '0'")]
    [InlineData("--device tpu", "--device: expected cpu or cuda[:INDEX], found 'tpu'")]
    [InlineData("--dtype f16", "--dtype: expected f32 or bf16, found 'f16'")]
    [InlineData("--seed x", "--seed: expected a whole number of 64 bits, found 'x'")]
    [InlineData("--bogus", "Unrecognized command or argument '--bogus'.")]
    [InlineData("--log-level loud", "--log-level: expected one of trace, debug, information, warning, error, critical, found 'loud'")]
    public async Task Generate_BadOption_IsOneLineOfError(string option, string expected) =>
        Assert.Equal(expected, (await Dgpt.RunAsync(["generate", "x", "--model", Dgpt.Golden("gpt2"), .. option.Split(' ')])).RefusalLine());

    [Fact]
    public async Task Generate_TokenBeyondTheVocabulary_IsRefused() => Assert.Equal(
        "--stop-token names the token 384: this model's ids are 0 to 383.",
        (await Dgpt.RunAsync("generate", "x", "--model", Dgpt.Golden("gpt2"), "--stop-token", "384")).RefusalLine());

    internal static (string Prompt, int[] PromptIds, int[] Greedy) ReadGolden(string name, int index)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(TestData.Find("golden", name, "expected.json")));
        JsonElement item = expected.RootElement.GetProperty("cases")[index];
        return (item.GetProperty("text").GetString()!, Numbers(item.GetProperty("prompt_ids")), Numbers(item.GetProperty("greedy_ids")));
    }

    private static int[] Ids(JsonElement json) => Numbers(json.GetProperty("token_ids"));

    private static int[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    [GeneratedRegex(@"^5 prompt tokens, 40 generated, first token after \d+ ms, \d+\.\d tokens/s, seed 7\n$")]
    private static partial Regex FiguresPattern();

    [GeneratedRegex(@"seed (\d+)")]
    private static partial Regex SeedPattern();
}
