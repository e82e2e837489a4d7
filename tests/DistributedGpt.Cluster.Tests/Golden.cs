using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.Cluster.Tests;

/// <summary>A golden model folder and what it must answer to its prompts.</summary>
internal sealed class Golden
{
    private readonly JsonElement _expected;

    public Golden(string name)
    {
        Folder = TestData.Find("golden", name);
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json")));
        _expected = document.RootElement.Clone();
    }

    public string Folder { get; }

    public IEnumerable<(int[] Prompt, int[] Greedy, string Text)> Cases => _expected.GetProperty("cases").EnumerateArray().Select(one => (
        Ids(one.GetProperty("prompt_ids")), Ids(one.GetProperty("greedy_ids")), one.GetProperty("greedy_text").GetString()!));

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
