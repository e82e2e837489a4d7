using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// A checked <c>tokenizer.json</c>. The library that encodes ends the process on some malformed files (a panic in native code),
/// so only files whose structure is understood here reach it, and only as copies written here: known components with fields
/// of the right types, nothing else.
/// </summary>
/// <remarks>The format is that of Hugging Face tokenizers 0.22 (<c>tokenizers/src/tokenizer/serialization.rs</c> and the components' own).</remarks>
internal sealed class TokenizerFile
{
    /// <summary>The name of the file in a model folder.</summary>
    public const string Name = "tokenizer.json";

    private const int MaximumId = (1 << 24) - 1;

    private static readonly string[] SplitBehaviors =
        ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

    private readonly JsonField _root;
    private readonly Dictionary<string, int> _vocabulary = new(StringComparer.Ordinal);

    private TokenizerFile(JsonElement root)
    {
        _root = new JsonField(Name, root);
        if (_root["version"].AsString() != "1.0")
            throw _root["version"].Expected("\"1.0\"");
        ReadModel(_root["model"]);
        AddedTokens = ReadAddedTokens(_root["added_tokens"]);
        if (!_root["normalizer"].IsNull)
            CheckNormalizer(_root["normalizer"]);
        if (!_root["pre_tokenizer"].IsNull)
            CheckPreTokenizer(_root["pre_tokenizer"]);
        (Prefix, Suffix) = ReadPostProcessor(_root["post_processor"]);
        Decoder = TokenDecoder.Read(_root["decoder"]);
    }

    /// <summary>The ids of the model's tokens by their text.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    /// <summary>The added tokens with the ids that the library gives them, in the file's order.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>The ids that the post-processor puts before a text.</summary>
    public int[] Prefix { get; }

    /// <summary>The ids that the post-processor puts after a text.</summary>
    public int[] Suffix { get; }

    /// <summary>How tokens become text.</summary>
    public TokenDecoder Decoder { get; }

    /// <summary>Checks the contents of a <c>tokenizer.json</c>.</summary>
    /// <exception cref="ModelFormatException">It is not JSON, or not a tokenizer of a supported kind.</exception>
    public static TokenizerFile Parse(ReadOnlyMemory<byte> json) => new(JsonFile.ParseObject(Name, "JSON", json));

    /// <summary>
    /// Writes the file for the library, without post-processor, truncation and padding (the first is applied here, the others
    /// are no part of encoding a prompt) and without decoder.
    /// </summary>
    /// <param name="output">Where to.</param>
    /// <param name="hideSpecialTokens">
    /// The special tokens get names that no text can contain, so that text which looks like one is ordinary text. They are
    /// renamed and not removed since the ids of the added tokens that stay depend on them.
    /// </param>
    public void Write(Stream output, bool hideSpecialTokens)
    {
        var hidden = new Dictionary<string, string>(StringComparer.Ordinal);
        if (hideSpecialTokens)
        {
            string secret = Guid.NewGuid().ToString("N");
            foreach (AddedToken token in AddedTokens)
            {
                if (token.Special)
                    hidden.TryAdd(token.Content, $"\uFDD0{secret}:{token.Id}");
            }
        }

        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        WriteAddedTokens(writer, hidden);
        WriteComponent(writer, "normalizer");
        WriteComponent(writer, "pre_tokenizer");
        writer.WriteNull("post_processor");
        writer.WriteNull("decoder");
        WriteModel(writer, hidden);
        writer.WriteEndObject();
    }

    private void ReadModel(JsonField model)
    {
        switch (ModelType(model))
        {
            case "BPE":
                foreach (string name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
                {
                    if (!string.IsNullOrEmpty(model[name].AsOptionalString()))
                        throw model[name].Expected("null or an empty string");
                }

                if (!model["dropout"].IsNull && (model["dropout"].Value.ValueKind != JsonValueKind.Number || model["dropout"].Value.GetDouble() != 0))
                    throw model["dropout"].Expected("null or 0");
                model["unk_token"].AsOptionalString();
                model["fuse_unk"].AsBoolean(false);
                model["byte_fallback"].AsBoolean(false);
                model["ignore_merges"].AsBoolean(false);
                ReadVocabulary(model["vocab"]);
                CheckMerges(model["merges"]);
                break;
            case "WordLevel":
                model["unk_token"].AsString();
                ReadVocabulary(model["vocab"]);
                break;
            default:
                ReadScoredVocabulary(model["vocab"]);
                model["byte_fallback"].AsBoolean(false);
                if (!model["unk_id"].IsNull)
                    model["unk_id"].AsInteger(_vocabulary.Count - 1);
                break;
        }
    }

    private static string ModelType(JsonField model) =>
        model["type"].IsNull && !model["merges"].IsNull ? "BPE" : model["type"].AsOneOf("BPE", "Unigram", "WordLevel");

    private void ReadVocabulary(JsonField vocabulary)
    {
        var taken = new HashSet<int>();
        foreach (JsonProperty entry in vocabulary.Members())
        {
            string token = entry.Name;
            int id = entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt32(out int number) && number is >= 0 and <= MaximumId
                ? number
                : throw vocabulary[token].Expected($"an integer from 0 to {MaximumId}");
            if (!taken.Add(id))
                throw vocabulary[token].Expected("an id of its own", $"{id} a second time");
            _vocabulary.Add(token, id);
        }

        if (_vocabulary.Count == 0)
            throw vocabulary.Expected("at least one token", "none");
    }

    private void ReadScoredVocabulary(JsonField vocabulary)
    {
        foreach (JsonField entry in vocabulary.Items())
        {
            JsonField[] pair = [.. entry.Items()];
            if (pair.Length != 2)
                throw entry.Expected("a token and its score", $"{pair.Length} elements");
            if (pair[1].Value.ValueKind != JsonValueKind.Number || !double.IsFinite(pair[1].Value.GetDouble()))
                throw pair[1].Expected("a number");
            string token = pair[0].AsString();
            if (token.Length == 0 || !_vocabulary.TryAdd(token, _vocabulary.Count))
                throw pair[0].Expected("a token of its own", token.Length == 0 ? "an empty string" : $"\"{token}\" a second time");
            if (_vocabulary.Count > MaximumId)
                throw vocabulary.Expected($"at most {MaximumId} tokens", "more");
        }

        if (_vocabulary.Count == 0)
            throw vocabulary.Expected("at least one token", "none");
    }

    private void CheckMerges(JsonField merges)
    {
        if (merges.Value.ValueKind != JsonValueKind.Array)
            throw merges.Expected("an array");
        var lookup = _vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> scratch = new char[256];
        JsonValueKind kind = JsonValueKind.Undefined;
        int index = -1;
        foreach (JsonElement merge in merges.Value.EnumerateArray())
        {
            index++;
            if (kind == JsonValueKind.Undefined)
                kind = merge.ValueKind;
            if (merge.ValueKind != kind || kind is not (JsonValueKind.String or JsonValueKind.Array))
                throw merges.ItemAt(index, merge).Expected("\"left right\" or [left, right], in all merges alike");

            string left, right;
            if (kind == JsonValueKind.Array)
            {
                if (merge.GetArrayLength() != 2 || merge[0].ValueKind != JsonValueKind.String || merge[1].ValueKind != JsonValueKind.String)
                    throw merges.ItemAt(index, merge).Expected("two tokens");
                left = merge[0].GetString()!;
                right = merge[1].GetString()!;
            }
            else
            {
                string pair = merge.GetString()!;
                if (pair.StartsWith("#version", StringComparison.Ordinal))
                    continue;
                int space = pair.IndexOf(' ', StringComparison.Ordinal);
                if (space < 0 || pair.IndexOf(' ', space + 1) >= 0)
                    throw merges.ItemAt(index, merge).Expected("two tokens with one space between");
                left = pair[..space];
                right = pair[(space + 1)..];
            }

            if (left.Length + right.Length > scratch.Length)
                scratch = new char[2 * (left.Length + right.Length)];
            left.CopyTo(scratch);
            right.CopyTo(scratch[left.Length..]);
            ReadOnlySpan<char> merged = scratch[..(left.Length + right.Length)];
            if (!_vocabulary.ContainsKey(left) || !_vocabulary.ContainsKey(right) || !lookup.ContainsKey(merged))
                throw merges.ItemAt(index, merge).Expected("two tokens of the vocabulary that make a third");
        }
    }

    private List<AddedToken> ReadAddedTokens(JsonField tokens)
    {
        var result = new List<AddedToken>();
        if (tokens.IsNull)
            return result;
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        int next = _vocabulary.Count;
        foreach (JsonField token in tokens.Items())
        {
            token["id"].AsInteger(MaximumId);
            foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip", "normalized"])
                token[flag].AsBoolean();
            bool special = token["special"].AsBoolean();
            string content = token["content"].AsString();
            if (content.Length == 0)
                throw token["content"].Expected("a token", "an empty string");

            // The declared id does not count for the library: a known text has its id already, another gets the next free one.
            if (!ids.TryGetValue(content, out int id))
            {
                id = _vocabulary.TryGetValue(content, out int known) ? known : next++;
                ids.Add(content, id);
            }

            result.Add(new AddedToken(id, content, special));
        }

        return result;
    }

    private static void CheckNormalizer(JsonField normalizer)
    {
        switch (normalizer["type"].AsOneOf("Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "Replace", "Prepend"))
        {
            case "Sequence":
                foreach (JsonField item in normalizer["normalizers"].Items())
                    CheckNormalizer(item);
                break;
            case "Strip":
                normalizer["strip_left"].AsBoolean();
                normalizer["strip_right"].AsBoolean();
                break;
            case "Replace":
                // A regular expression that matches nothing (as "a*") breaks the library's alignments: it would end the process.
                if (normalizer["pattern"]["String"].AsString().Length == 0)
                    throw normalizer["pattern"]["String"].Expected("a text that is not empty");
                normalizer["content"].AsString();
                break;
            case "Prepend":
                if (normalizer["prepend"].AsString().Length == 0)
                    throw normalizer["prepend"].Expected("a text that is not empty");
                break;
        }
    }

    private static void CheckPreTokenizer(JsonField splitter)
    {
        switch (splitter["type"].AsOneOf("Sequence", "ByteLevel", "Split", "Metaspace", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"))
        {
            case "Sequence":
                foreach (JsonField item in splitter["pretokenizers"].Items())
                    CheckPreTokenizer(item);
                break;
            case "ByteLevel":
                splitter["add_prefix_space"].AsBoolean();
                splitter["trim_offsets"].AsBoolean();
                splitter["use_regex"].AsBoolean(true);
                break;
            case "Split":
                CheckPattern(splitter["pattern"]);
                splitter["behavior"].AsOneOf(SplitBehaviors);
                splitter["invert"].AsBoolean();
                break;
            case "Metaspace":
                TokenDecoder.ReadMetaspace(splitter);
                splitter["split"].AsBoolean(true);
                splitter["str_rep"].AsOptionalString();
                break;
            case "Digits":
                splitter["individual_digits"].AsBoolean();
                break;
            case "Punctuation":
                if (!splitter["behavior"].IsNull)
                    splitter["behavior"].AsOneOf(SplitBehaviors);
                break;
        }
    }

    /// <summary>A <c>{"String": text}</c> or <c>{"Regex": expression}</c>; whether the expression compiles, the library says.</summary>
    private static void CheckPattern(JsonField pattern)
    {
        string kind = pattern["Regex"].IsNull ? "String" : "Regex";
        if (pattern.Members().Count() != 1 || pattern[kind].AsString().Length == 0)
            throw pattern.Expected("one not empty String or Regex");
    }

    private static (int[] Prefix, int[] Suffix) ReadPostProcessor(JsonField processor)
    {
        if (processor.IsNull)
            return ([], []);
        switch (processor["type"].AsOneOf("ByteLevel", "TemplateProcessing", "RobertaProcessing", "BertProcessing", "Sequence"))
        {
            case "TemplateProcessing":
                return ReadTemplate(processor);
            case "RobertaProcessing":
            case "BertProcessing":
                return ([NamedId(processor["cls"])], [NamedId(processor["sep"])]);
            case "Sequence":
                (int[] Prefix, int[] Suffix) result = ([], []);
                foreach (JsonField item in processor["processors"].Items())
                {
                    (int[] Prefix, int[] Suffix) next = ReadPostProcessor(item);
                    if (result.Prefix.Length + result.Suffix.Length > 0 && next.Prefix.Length + next.Suffix.Length > 0)
                        throw item.Expected("at most one processor that adds tokens", "a second one");
                    if (next.Prefix.Length + next.Suffix.Length > 0)
                        result = next;
                }

                return result;
            default:
                return ([], []);
        }
    }

    private static (int[] Prefix, int[] Suffix) ReadTemplate(JsonField processor)
    {
        var prefix = new List<int>();
        List<int>? suffix = null;
        foreach (JsonField piece in processor["single"].Items())
        {
            if (!piece["Sequence"].IsNull)
            {
                piece["Sequence"]["id"].AsOneOf("A");
                if (suffix is not null)
                    throw piece.Expected("the text once", "the text a second time");
                suffix = [];
                continue;
            }

            string name = piece["SpecialToken"]["id"].AsString();
            JsonField token = processor["special_tokens"][name];
            foreach (JsonField id in token["ids"].Items())
                (suffix ?? prefix).Add(id.AsInteger(MaximumId));
        }

        if (suffix is null)
            throw processor["single"].Expected("the text (Sequence A)", "none");
        return ([.. prefix], [.. suffix]);
    }

    /// <summary>The id in <c>["text", id]</c>.</summary>
    private static int NamedId(JsonField pair)
    {
        JsonField[] items = [.. pair.Items()];
        if (items.Length != 2)
            throw pair.Expected("a token and its id", $"{items.Length} elements");
        items[0].AsString();
        return items[1].AsInteger(MaximumId);
    }

    private void WriteAddedTokens(Utf8JsonWriter writer, Dictionary<string, string> hidden)
    {
        writer.WriteStartArray("added_tokens");
        if (!_root["added_tokens"].IsNull)
        {
            foreach (JsonElement token in _root["added_tokens"].Value.EnumerateArray())
            {
                string content = token.GetProperty("content").GetString()!;
                writer.WriteStartObject();
                writer.WriteNumber("id", token.GetProperty("id").GetInt32());
                writer.WriteString("content", hidden.GetValueOrDefault(content, content));
                foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip", "normalized", "special"])
                    writer.WriteBoolean(flag, token.GetProperty(flag).GetBoolean());
                writer.WriteEndObject();
            }
        }

        writer.WriteEndArray();
    }

    private void WriteComponent(Utf8JsonWriter writer, string name)
    {
        writer.WritePropertyName(name);
        if (_root[name].IsNull)
            writer.WriteNullValue();
        else
            _root[name].Value.WriteTo(writer);
    }

    private void WriteModel(Utf8JsonWriter writer, Dictionary<string, string> hidden)
    {
        JsonField model = _root["model"];
        writer.WriteStartObject("model");
        writer.WriteString("type", ModelType(model));
        foreach (JsonProperty member in model.Members())
        {
            switch (member.Name)
            {
                case "type" or "dropout":
                    break;
                case "vocab" when hidden.Count > 0:
                    WriteVocabulary(writer, member.Value, hidden);
                    break;
                case "merges" when hidden.Count > 0:
                    WriteMerges(writer, member.Value, hidden);
                    break;
                case "unk_token" when member.Value.ValueKind == JsonValueKind.String:
                    string unknown = member.Value.GetString()!;
                    writer.WriteString("unk_token", hidden.GetValueOrDefault(unknown, unknown));
                    break;
                default:
                    member.WriteTo(writer);
                    break;
            }
        }

        writer.WriteEndObject();
    }

    private static void WriteVocabulary(Utf8JsonWriter writer, JsonElement vocabulary, Dictionary<string, string> hidden)
    {
        writer.WritePropertyName("vocab");
        if (vocabulary.ValueKind == JsonValueKind.Object)
        {
            writer.WriteStartObject();
            foreach (JsonProperty entry in vocabulary.EnumerateObject())
                writer.WriteNumber(hidden.GetValueOrDefault(entry.Name, entry.Name), entry.Value.GetInt32());
            writer.WriteEndObject();
            return;
        }

        writer.WriteStartArray();
        foreach (JsonElement entry in vocabulary.EnumerateArray())
        {
            string token = entry[0].GetString()!;
            writer.WriteStartArray();
            writer.WriteStringValue(hidden.GetValueOrDefault(token, token));
            entry[1].WriteTo(writer);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
    }

    /// <summary>A merge that makes or uses a special token has no place where text cannot become one.</summary>
    private static void WriteMerges(Utf8JsonWriter writer, JsonElement merges, Dictionary<string, string> hidden)
    {
        writer.WriteStartArray("merges");
        foreach (JsonElement merge in merges.EnumerateArray())
        {
            bool pair = merge.ValueKind == JsonValueKind.Array;
            string[] parts = pair ? [merge[0].GetString()!, merge[1].GetString()!] : merge.GetString()!.Split(' ');
            if (!hidden.ContainsKey(parts[0]) && !hidden.ContainsKey(parts[1]) && !hidden.ContainsKey(parts[0] + parts[1]))
                merge.WriteTo(writer);
        }

        writer.WriteEndArray();
    }
}
