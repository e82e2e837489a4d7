using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>A byte-level BPE tokenizer made by <see cref="BpeTrainer"/>.</summary>
public sealed class TrainedTokenizer
{
    internal TrainedTokenizer(IReadOnlyList<string> tokens, IReadOnlyList<(string Left, string Right)> merges)
    {
        Tokens = tokens;
        Merges = merges;
    }

    /// <summary>The number of tokens.</summary>
    public int VocabularySize => Tokens.Count;

    /// <summary>The tokens by id, in the spelling of byte-level BPE.</summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>The merges, first ones first.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges { get; }

    /// <summary>Writes <c>tokenizer.json</c> and <c>tokenizer_config.json</c> as Hugging Face tokenizers and transformers read them.</summary>
    /// <param name="folder">Where to; made if it is missing.</param>
    /// <param name="contextLength">The most tokens that the model takes, if it is known.</param>
    public void Save(string folder, int? contextLength = null)
    {
        Directory.CreateDirectory(folder);
        var options = new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (FileStream file = File.Create(Path.Combine(folder, TokenizerFile.Name)))
        using (var writer = new Utf8JsonWriter(file, options))
            WriteTokenizer(writer);
        using (FileStream file = File.Create(Path.Combine(folder, "tokenizer_config.json")))
        using (var writer = new Utf8JsonWriter(file, options))
            WriteConfig(writer, contextLength);
    }

    private void WriteTokenizer(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteString("version", "1.0");
        writer.WriteNull("truncation");
        writer.WriteNull("padding");
        writer.WriteStartArray("added_tokens");
        writer.WriteStartObject();
        writer.WriteNumber("id", 0);
        writer.WriteString("content", BpeTrainer.EndOfText);
        foreach (string flag in (ReadOnlySpan<string>)["single_word", "lstrip", "rstrip", "normalized"])
            writer.WriteBoolean(flag, false);
        writer.WriteBoolean("special", true);
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteNull("normalizer");
        WriteByteLevel(writer, "pre_tokenizer", addPrefixSpace: false);
        writer.WriteNull("post_processor");
        WriteByteLevel(writer, "decoder", addPrefixSpace: true);
        writer.WriteStartObject("model");
        writer.WriteString("type", "BPE");
        foreach (string absent in (ReadOnlySpan<string>)["dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"])
            writer.WriteNull(absent);
        foreach (string flag in (ReadOnlySpan<string>)["fuse_unk", "byte_fallback", "ignore_merges"])
            writer.WriteBoolean(flag, false);
        writer.WriteStartObject("vocab");
        for (int id = 0; id < Tokens.Count; id++)
            writer.WriteNumber(Tokens[id], id);
        writer.WriteEndObject();
        writer.WriteStartArray("merges");
        foreach ((string left, string right) in Merges)
            writer.WriteStringValue($"{left} {right}");
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteByteLevel(Utf8JsonWriter writer, string name, bool addPrefixSpace)
    {
        writer.WriteStartObject(name);
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteBoolean("trim_offsets", true);
        writer.WriteBoolean("use_regex", true);
        writer.WriteEndObject();
    }

    private static void WriteConfig(Utf8JsonWriter writer, int? contextLength)
    {
        writer.WriteStartObject();
        writer.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        foreach (string role in (ReadOnlySpan<string>)["bos_token", "eos_token", "unk_token"])
            writer.WriteString(role, BpeTrainer.EndOfText);
        if (contextLength is int length)
            writer.WriteNumber("model_max_length", length);
        writer.WriteEndObject();
    }
}
