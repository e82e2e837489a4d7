using System.Text;
using System.Text.Json.Nodes;
using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

/// <summary>
/// Malformed tokenizer files. The library ends the process on some of them, so every one that is not refused here is also
/// used: a crash of the test process is a failure.
/// </summary>
public sealed class MalformedTokenizerTests : IDisposable
{
    private const string Bpe = """
        {
          "version": "1.0", "truncation": null, "padding": null,
          "added_tokens": [
            { "id": 8, "content": "<s>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true },
            { "id": 9, "content": "<tool>", "single_word": true, "lstrip": false, "rstrip": true, "normalized": true, "special": false } ],
          "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "NFC" }, { "type": "Strip", "strip_left": true, "strip_right": false }, { "type": "Prepend", "prepend": "▁" },
            { "type": "Replace", "pattern": { "String": " " }, "content": "▁" }, { "type": "Lowercase" } ] },
          "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": "\\p{N}|x(?!y)" }, "behavior": "Isolated", "invert": false },
            { "type": "Split", "pattern": { "String": " " }, "behavior": "MergedWithPrevious", "invert": false },
            { "type": "Digits", "individual_digits": true }, { "type": "Punctuation", "behavior": "Isolated" },
            { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true } ] },
          "post_processor": { "type": "Sequence", "processors": [
            { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true },
            { "type": "TemplateProcessing",
              "single": [ { "SpecialToken": { "id": "<s>", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } } ],
              "pair": [ { "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } } ],
              "special_tokens": { "<s>": { "id": "<s>", "ids": [8], "tokens": ["<s>"] } } } ] },
          "decoder": { "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "▁" }, "content": " " }, { "type": "ByteFallback" }, { "type": "Fuse" },
            { "type": "Strip", "content": " ", "start": 1, "stop": 0 } ] },
          "model": {
            "type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": { "<unk>": 0, "▁": 1, "a": 2, "b": 3, "ab": 4, "▁ab": 5, "<0x41>": 6, "d": 7 },
            "merges": [ ["a", "b"], ["▁", "ab"] ] }
        }
        """;

    private const string Unigram = """
        {
          "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
          "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "add_prefix_space": true },
          "post_processor": { "type": "RobertaProcessing", "sep": ["b", 3], "cls": ["a", 2], "trim_offsets": true, "add_prefix_space": true },
          "decoder": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always" },
          "model": { "type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [ ["<unk>", 0.0], ["▁", -1.5], ["a", -2], ["b", -3.25] ] }
        }
        """;

    private const string WordLevel = """
        {
          "version": "1.0", "truncation": null, "padding": null, "added_tokens": null, "normalizer": { "type": "NFKD" },
          "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
          "post_processor": null, "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
          "model": { "type": "WordLevel", "unk_token": "u", "vocab": { "u": 0, "a": 1, "b": 2 } }
        }
        """;

    private static readonly string?[] Replacements =
        [null, "null", "true", "-1", "7", "1e400", "4294967296", "\"\"", "\"x\"", "\"🤖\"", "[]", "[[]]", "{}"];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Defects => new()
    {
        { """ "version": "1.0" """, """ "version": "2.0" """ },
        { """ "type": "NFC" """, """ "type": "Precompiled", "precompiled_charsmap": "zzz" """ },
        { """ "pattern": { "String": " " }, "content": "▁" """, """ "pattern": { "Regex": "a*" }, "content": "▁" """ },
        { """ "prepend": "▁" """, """ "prepend": "" """ },
        { """ "type": "ByteFallback" """, """ "type": "WordPiece", "prefix": "##", "cleanup": true """ },
        { """ "type": "BPE" """, """ "type": "WordPiece" """ },
        { """ \\p{N}|x(?!y) """.Trim(), "((" },
        { """ ["▁", "ab"] """.Trim(), """ ["▁", "zz"] """ },
        { """ ["▁", "ab"] """.Trim(), """ "▁ ab" """ },
        { """ "dropout": null """, """ "dropout": 0.1 """ },
        { """ "end_of_word_suffix": null """, """ "end_of_word_suffix": "</w>" """ },
        { """ "b": 3 """, """ "b": 2 """ },
        { """ "b": 3 """, """ "b": 3, "b": 11 """ },
        { """ "b": 3 """, """ "b": 300000000 """ },
        { """ "b": 3 """, """ "\ud83d": 3 """ },
        { """ "content": "<tool>" """, """ "content": "" """ },
        { """ "single": [ """, """ "single": [ { "Sequence": { "id": "B", "type_id": 0 } }, """ },
        { """ "ids": [8] """, """ "ids": [-8] """ },
        { """ "String": " " """, """ "String": "" """ },
        { """ "content": " ", "start" """, """ "content": "  ", "start" """ },
        { """ "prepend_scheme": "first" """, """ "prepend_scheme": "first", "add_prefix_space": false """ },
    };

    [Theory]
    [MemberData(nameof(Defects))]
    public void Load_Defect_IsRefusedInOneLine(string text, string instead)
    {
        text = text.Trim();
        Assert.Contains(text, Bpe, StringComparison.Ordinal);
        int at = Bpe.IndexOf(text, StringComparison.Ordinal);
        Assert.True(IsRefused(Bpe[..at] + instead + Bpe[(at + text.Length)..]));
    }

    [Fact]
    public void Load_KeyWithTheWrongValue_IsNamed()
    {
        Write(Bpe.Replace("\"strip_left\": true", "\"strip_left\": 1", StringComparison.Ordinal));
        ModelFormatException error = Assert.Throws<ModelFormatException>(() => Tokenizer.Load(_folder.Path));
        Assert.Equal("tokenizer.json: normalizer.normalizers[1].strip_left: expected true or false, found 1", error.Message);
    }

    [Fact]
    public void Load_NoFile_IsRefused() => Assert.Throws<ModelFormatException>(() => Tokenizer.Load(_folder.Path));

    [Theory]
    [InlineData(Bpe)]
    [InlineData(Unigram)]
    [InlineData(WordLevel)]
    public void Load_AnyValueReplaced_IsRefusedOrUsable(string json)
    {
        Assert.False(IsRefused(json));
        int refused = 0;
        foreach (string path in Paths(JsonNode.Parse(json)!))
        {
            foreach (string? replacement in Replacements)
                refused += IsRefused(Mutate(json, path, replacement)) ? 1 : 0;
        }

        Assert.InRange(refused, 100, int.MaxValue);
    }

    [Theory]
    [InlineData(Bpe)]
    [InlineData(Unigram)]
    public void Load_Truncated_IsRefused(string json)
    {
        byte[] whole = Encoding.UTF8.GetBytes(json.TrimEnd());
        for (int length = 0; length < whole.Length; length += 13)
        {
            File.WriteAllBytes(Path.Combine(_folder.Path, "tokenizer.json"), whole[..length]);
            Assert.Throws<ModelFormatException>(() => Tokenizer.Load(_folder.Path));
        }
    }

    [Fact]
    public void Encode_LoneSurrogate_IsAReplacementCharacter()
    {
        using Tokenizer tokenizer = Tokenizer.Load(TestData.Find("golden", "gpt2"));
        Assert.Equal(tokenizer.EncodePlain("a\ufffdb\ufffd"), tokenizer.EncodePlain("a\ud83db\ude00"));
        Assert.Equal(tokenizer.EncodePrompt("\ufffd"), tokenizer.EncodePrompt("\ud83d"));
    }

    [Fact]
    public void Encode_TextBeyondTheLimit_IsRefused()
    {
        using Tokenizer tokenizer = Tokenizer.Load(TestData.Find("golden", "gpt2"));
        Assert.Throws<ArgumentException>(() => tokenizer.EncodePrompt(new string('a', Tokenizer.MaximumTextLength + 1)));
    }

    public void Dispose() => _folder.Dispose();

    private void Write(string json) => File.WriteAllText(Path.Combine(_folder.Path, "tokenizer.json"), json);

    /// <summary>Whether the file is refused, properly; if not, it must be usable.</summary>
    private bool IsRefused(string json)
    {
        Write(json);
        try
        {
            using Tokenizer tokenizer = Tokenizer.Load(_folder.Path);
            foreach (string text in (string[])["", "a ab 12 <s> <tool>! 😀 x", "  ▁\0cCé\n"])
            {
                int[] ids = tokenizer.EncodePrompt(text);
                tokenizer.Decode(ids, showSpecialTokens: true);
                tokenizer.EncodePlain(text);
            }

            return false;
        }
        catch (ModelFormatException error)
        {
            Assert.StartsWith("tokenizer.json: ", error.Message, StringComparison.Ordinal);
            Assert.Contains(": expected ", error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', error.Message);
            return true;
        }
    }

    private static IEnumerable<string> Paths(JsonNode node)
    {
        IEnumerable<JsonNode?> children = node switch
        {
            JsonObject members => members.Select(member => member.Value),
            JsonArray items => items,
            _ => [],
        };
        foreach (JsonNode? child in children)
        {
            if (child is null)
                continue;
            yield return child.GetPath();
            foreach (string path in Paths(child))
                yield return path;
        }
    }

    private static string Mutate(string json, string path, string? replacement)
    {
        JsonNode root = JsonNode.Parse(json)!;
        JsonNode node = Descendants(root).Single(candidate => candidate.GetPath() == path);
        const string Mark = "\"REPLACED HERE\"";
        if (replacement is not null)
        {
            node.ReplaceWith("REPLACED HERE");
            return root.ToJsonString().Replace(Mark, replacement, StringComparison.Ordinal);
        }

        if (node.Parent is JsonObject parent)
            parent.Remove(node.GetPropertyName());
        else
            node.Parent!.AsArray().Remove(node);
        return root.ToJsonString();
    }

    private static IEnumerable<JsonNode> Descendants(JsonNode node)
    {
        IEnumerable<JsonNode?> children = node switch
        {
            JsonObject members => members.Select(member => member.Value),
            JsonArray items => items,
            _ => [],
        };
        return children.OfType<JsonNode>().SelectMany(child => Descendants(child).Prepend(child));
    }
}
