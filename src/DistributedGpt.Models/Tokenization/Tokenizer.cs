using System.Text;
using Library = Tokenizers.DotNet;

namespace DistributedGpt.Models;

/// <summary>
/// The tokenizer of a Hugging Face model folder: text to token ids and back. Encoding is done by the Hugging Face tokenizers
/// library on checked copies of <c>tokenizer.json</c>, decoding by <see cref="StreamingDecoder"/>. Safe for concurrent use.
/// </summary>
public sealed class Tokenizer : IDisposable
{
    /// <summary>The longest text that can be encoded, in UTF-16 code units: beyond it the library's regular expressions may give up.</summary>
    public const int MaximumTextLength = 1 << 22;

    private readonly byte[] _json;
    private readonly int[] _prefix;
    private readonly int[] _suffix;
    private readonly string?[] _tokens;
    private readonly HashSet<int> _special = [];
    private readonly Dictionary<string, int> _ids;
    private readonly Library.Tokenizer _encoder;
    private readonly Lazy<Library.Tokenizer> _plainEncoder;

    private Tokenizer(byte[] json, TokenizerFile file)
    {
        _json = json;
        _prefix = file.Prefix;
        _suffix = file.Suffix;
        Decoder = file.Decoder;

        _ids = new Dictionary<string, int>(file.Vocabulary, StringComparer.Ordinal);
        int size = file.Vocabulary.Values.Concat(file.AddedTokens.Select(token => token.Id)).Max() + 1;
        _tokens = new string?[size];
        foreach ((string token, int id) in file.Vocabulary)
            _tokens[id] = token;
        foreach (AddedToken token in file.AddedTokens)
        {
            _tokens[token.Id] = token.Content;
            _ids[token.Content] = token.Id;
            if (token.Special)
                _special.Add(token.Id);
        }

        _encoder = Open(file, hideSpecialTokens: false);
        _plainEncoder = new Lazy<Library.Tokenizer>(OpenPlain);
    }

    /// <summary>One more than the highest id. The model's logits may be wider: such ids decode to nothing.</summary>
    public int VocabularySize => _tokens.Length;

    internal TokenDecoder Decoder { get; }

    /// <summary>Opens the <c>tokenizer.json</c> of a model folder.</summary>
    /// <param name="folder">The model folder.</param>
    /// <exception cref="ModelFormatException">It is missing, malformed or of a kind that is not supported.</exception>
    public static Tokenizer Load(string folder) => Parse(JsonFile.ReadBytes(folder, TokenizerFile.Name));

    /// <summary>Opens the contents of a <c>tokenizer.json</c>, which it keeps.</summary>
    /// <param name="json">The file's bytes.</param>
    /// <exception cref="ModelFormatException">They are malformed or of a kind that is not supported.</exception>
    public static Tokenizer Parse(byte[] json) => new(json, TokenizerFile.Parse(json));

    /// <summary>
    /// Encodes a raw prompt: special tokens in it are recognised, and what the file's post-processor adds to a text (such as a
    /// beginning-of-sequence token) is added.
    /// </summary>
    /// <exception cref="ArgumentException">The text is longer than <see cref="MaximumTextLength"/>.</exception>
    public int[] EncodePrompt(string text) => [.. _prefix, .. Encode(_encoder, text), .. _suffix];

    /// <summary>Encodes a rendered chat template: special tokens in it are recognised, nothing is added.</summary>
    /// <exception cref="ArgumentException">The text is longer than <see cref="MaximumTextLength"/>.</exception>
    public int[] EncodeTemplate(string text) => Encode(_encoder, text);

    /// <summary>Encodes content: nothing in it becomes a special token, nothing is added.</summary>
    /// <exception cref="ArgumentException">The text is longer than <see cref="MaximumTextLength"/>.</exception>
    public int[] EncodePlain(string text) => Encode(_plainEncoder.Value, text);

    /// <summary>The text of <paramref name="ids"/>; ids that the tokenizer does not know are skipped.</summary>
    /// <param name="ids">The tokens of a whole text.</param>
    /// <param name="showSpecialTokens">Whether special tokens appear in the text.</param>
    public string Decode(ReadOnlySpan<int> ids, bool showSpecialTokens = false)
    {
        var decoder = new StreamingDecoder(this, showSpecialTokens: showSpecialTokens);
        var text = new StringBuilder();
        foreach (int id in ids)
            text.Append(decoder.Push(id));
        return text.Append(decoder.Flush()).ToString();
    }

    /// <summary>The token with this id as the file spells it, or null where there is none.</summary>
    public string? FindToken(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>The id of the token that the file spells so, or null where there is none.</summary>
    public int? FindId(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>Whether a token is a special one.</summary>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <summary>The bytes (UTF-8, possibly a part of a character) that a token stands for in the middle of a text; none for an unknown id.</summary>
    public byte[] GetTokenBytes(int id) => FindToken(id) is string token ? Decoder.Bytes(token) : [];

    /// <summary>The text of one token in the middle of a text, with U+FFFD for parts of characters.</summary>
    public string GetTokenText(int id) => Encoding.UTF8.GetString(GetTokenBytes(id));

    /// <inheritdoc/>
    public void Dispose()
    {
        _encoder.Dispose();
        if (_plainEncoder.IsValueCreated)
            _plainEncoder.Value.Dispose();
    }

    private static int[] Encode(Library.Tokenizer encoder, string text)
    {
        if (text.Length > MaximumTextLength)
            throw new ArgumentException($"The text has {text.Length} characters; at most {MaximumTextLength} can be encoded.", nameof(text));
        try
        {
            // A lone surrogate is no text; it becomes U+FFFD, as in any conversion to UTF-8.
            return Array.ConvertAll(encoder.Encode(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text))), id => (int)id);
        }
        catch (Library.TokenizerException e)
        {
            throw ModelFormatException.Of(TokenizerFile.Name, "file", "a tokenizer that encodes any text", e.Message, e);
        }
    }

    private static Library.Tokenizer Open(TokenizerFile file, bool hideSpecialTokens)
    {
        string copy = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".json");
        try
        {
            using (FileStream output = File.Create(copy))
                file.Write(output, hideSpecialTokens);
            return new Library.Tokenizer(copy);
        }
        catch (Library.TokenizerException e)
        {
            throw ModelFormatException.Of(TokenizerFile.Name, "file", "a tokenizer that can be built", e.Message, e);
        }
        finally
        {
            File.Delete(copy);
        }
    }

    private Library.Tokenizer OpenPlain() => Open(TokenizerFile.Parse(_json), hideSpecialTokens: true);
}
