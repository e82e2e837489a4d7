using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

/// <summary>The tokenizers of the golden models against what transformers made of them.</summary>
public sealed class GoldenTokenizerTests
{
    public static TheoryData<string> Folders =>
        [.. Directory.GetDirectories(TestData.Find("golden")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Golden_PromptAndGreedyText_EqualTransformers(string folder)
    {
        using var tokenizer = Tokenizer.Load(TestData.Find("golden", folder));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllText(TestData.Find("golden", folder, "expected.json")));
        int cases = 0;
        foreach (JsonElement item in expected.RootElement.GetProperty("cases").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] prompt = Ids(item.GetProperty("prompt_ids"));
            int[] greedy = Ids(item.GetProperty("greedy_ids"));

            Assert.Equal(prompt, tokenizer.EncodePrompt(text));
            Assert.Equal(text, tokenizer.Decode(prompt));
            Assert.Equal(item.GetProperty("greedy_text").GetString(), tokenizer.Decode(greedy, showSpecialTokens: true));
            cases++;
        }

        Assert.Equal(2, cases);
        Assert.Equal(380, tokenizer.VocabularySize);
    }

    private static int[] Ids(JsonElement ids) => [.. ids.EnumerateArray().Select(id => id.GetInt32())];
}
