using System.Buffers;
using System.Collections.Immutable;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// What a tokenizer's <c>decoder</c> says: how tokens become text. The library decodes whole texts only and never shows special
/// tokens, so decoding is done here, piece by piece, by the same code whether a text is streamed or decoded at once.
/// </summary>
/// <remarks>The steps are those of Hugging Face tokenizers 0.22 (<c>tokenizers/src/decoders</c>).</remarks>
internal sealed class TokenDecoder
{
    private readonly ImmutableArray<Func<DecoderStage>> _stages;
    private readonly ImmutableArray<Func<string, string>> _spellings;
    private readonly bool _byteLevel;
    private readonly bool _byteFallback;

    private TokenDecoder(Plan plan)
    {
        _stages = [.. plan.Stages];
        _spellings = [.. plan.Spellings];
        _byteLevel = plan.ByteLevel;
        _byteFallback = plan.ByteFallback;
    }

    /// <summary>Reads the <c>decoder</c> of a tokenizer; null means that the tokens are joined with spaces.</summary>
    /// <exception cref="ModelFormatException">It is malformed or of a kind that is not supported.</exception>
    public static TokenDecoder Read(JsonField decoder)
    {
        var plan = new Plan();
        if (decoder.IsNull)
            plan.Stages.Add(() => new SeparatorStage());
        else
            Read(decoder, plan);
        return new TokenDecoder(plan);
    }

    /// <summary>Reads what a <c>Metaspace</c> has in common as a pre-tokenizer and as a decoder.</summary>
    public static (char Replacement, bool Prepended) ReadMetaspace(JsonField metaspace)
    {
        char replacement = Character(metaspace["replacement"]);
        bool prefix = metaspace["add_prefix_space"].AsBoolean(true);
        string scheme = metaspace["prepend_scheme"].IsNull ? "always" : metaspace["prepend_scheme"].AsOneOf("always", "first", "never");
        if (!prefix && scheme != "never")
            throw metaspace["prepend_scheme"].Expected("\"never\" (as add_prefix_space is false)");
        return (replacement, scheme != "never");
    }

    /// <summary>The stages of a new text, not connected.</summary>
    public DecoderStage[] Start() => [.. _stages.Select(create => create())];

    /// <summary>The bytes that a token stands for in the middle of a text; they may be a part of a character.</summary>
    public byte[] Bytes(string token)
    {
        if (_byteLevel)
        {
            var bytes = new ArrayBufferWriter<byte>(token.Length + 1);
            ByteLevelAlphabet.Write(token, bytes);
            return bytes.WrittenSpan.ToArray();
        }

        if (_byteFallback && ByteFallbackStage.TryParse(token, out byte value))
            return [value];
        foreach (Func<string, string> spell in _spellings)
            token = spell(token);
        return Encoding.UTF8.GetBytes(token);
    }

    private static void Read(JsonField decoder, Plan plan)
    {
        bool fused = plan.Fused;
        switch (decoder["type"].AsOneOf("Sequence", "ByteLevel", "ByteFallback", "Metaspace", "Replace", "Fuse", "Strip"))
        {
            case "Sequence":
                foreach (JsonField item in decoder["decoders"].Items())
                    Read(item, plan);
                break;
            case "ByteLevel":
                plan.Stages.Add(() => new ByteLevelStage());
                plan.ByteLevel = plan.Fused = true;
                break;
            case "ByteFallback":
                plan.Stages.Add(() => new ByteFallbackStage());
                plan.ByteFallback = true;
                break;
            case "Metaspace":
                (char replacement, bool prepended) = ReadMetaspace(decoder);
                plan.Stages.Add(() => new MetaspaceStage(replacement, prepended, fused));
                plan.Spellings.Add(token => token.Replace(replacement, ' '));
                break;
            case "Replace":
                string pattern = decoder["pattern"]["String"].AsString();
                string content = decoder["content"].AsString();
                if (pattern.Length == 0 || (fused && pattern.Length > 1))
                    throw decoder["pattern"]["String"].Expected(fused ? "one character" : "a text that is not empty");
                plan.Stages.Add(() => new ReplaceStage(pattern, content));
                plan.Spellings.Add(token => token.Replace(pattern, content, StringComparison.Ordinal));
                break;
            case "Fuse":
                plan.Fused = true;
                break;
            default:
                char stripped = Character(decoder["content"]);
                int start = decoder["start"].AsInteger(int.MaxValue);
                int stop = decoder["stop"].AsInteger(int.MaxValue);
                plan.Stages.Add(() => new StripStage(stripped, start, stop, fused));
                break;
        }
    }

    private static char Character(JsonField field)
    {
        string text = field.AsString();
        return text.Length == 1 ? text[0] : throw field.Expected("one character of the basic plane");
    }

    private sealed class Plan
    {
        public List<Func<DecoderStage>> Stages { get; } = [];

        public List<Func<string, string>> Spellings { get; } = [];

        public bool ByteLevel { get; set; }

        public bool ByteFallback { get; set; }

        public bool Fused { get; set; }
    }
}
