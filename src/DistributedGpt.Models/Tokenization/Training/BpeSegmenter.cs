using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// Cuts a training text into the tokens of a <c>tokenizer.json</c> that <see cref="BpeTrainer"/> made, where asked with merges left
/// out at random (BPE-dropout, Provilkov et al. 2020), which no tokenizer library offers with a seed. Without that the tokens are
/// <see cref="Tokenizer"/>'s. Thread-safe.
/// </summary>
public sealed class BpeSegmenter
{
    private readonly int[] _byteIds = new int[256];
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _merges = [];
    private readonly ConcurrentDictionary<string, int[]> _pieces = new();

    private BpeSegmenter(JsonElement model)
    {
        Dictionary<string, int> ids = model.GetProperty("vocab").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32());
        VocabularySize = ids.Count;
        for (int value = 0; value < 256; value++) _byteIds[value] = ids[ByteLevelAlphabet.Characters[value].ToString()];
        int rank = 0;
        foreach (JsonElement merge in model.GetProperty("merges").EnumerateArray())
        {
            string[] parts = merge.GetString()!.Split(' ');
            _merges.Add((ids[parts[0]], ids[parts[1]]), (rank++, ids[parts[0] + parts[1]]));
        }
    }

    /// <summary>The number of tokens.</summary>
    public int VocabularySize { get; }

    /// <summary>Reads the tokenizer of <paramref name="folder"/>.</summary>
    /// <exception cref="ModelFormatException">There is none, or another kind of tokenizer.</exception>
    public static BpeSegmenter Open(string folder)
    {
        string path = Path.Combine(folder, TokenizerFile.Name);
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return new(document.RootElement.GetProperty("model"));
        }
        catch (Exception exception) when (exception is IOException or JsonException or KeyNotFoundException or InvalidOperationException or IndexOutOfRangeException or ArgumentException)
        {
            throw new ModelFormatException($"{path}: expected a byte-level BPE tokenizer as training writes it", exception);
        }
    }

    /// <summary>The tokens of <paramref name="text"/>.</summary>
    public int[] Encode(string text) => Encode(text, 0, new Random(0));

    /// <summary>
    /// The tokens of <paramref name="text"/> where, whenever the next merge of a piece is chosen, each possible one is left out with
    /// probability <paramref name="dropout"/>.
    /// </summary>
    public int[] Encode(string text, double dropout, Random random)
    {
        List<int> tokens = new(text.Length / 2);
        for (int at = 0; at < text.Length;)
        {
            int length = Gpt2Splitter.NextLength(text.AsSpan(at));
            string piece = text.Substring(at, length);
            at += length;
            if (dropout > 0)
            {
                tokens.AddRange(Merge(piece, dropout, random));
                continue;
            }
            tokens.AddRange(_pieces.GetOrAdd(piece, static (piece, self) => self.Merge(piece, 0, Random.Shared), this));
        }
        return [.. tokens];
    }

    private int[] Merge(string piece, double dropout, Random random)
    {
        List<int> symbols = [.. Encoding.UTF8.GetBytes(piece).Select(value => _byteIds[value])];
        while (true)
        {
            int best = -1;
            (int Rank, int Merged) chosen = (int.MaxValue, 0);
            for (int i = 0; i + 1 < symbols.Count; i++)
            {
                if (_merges.TryGetValue((symbols[i], symbols[i + 1]), out (int Rank, int Merged) merge) && merge.Rank < chosen.Rank
                    && (dropout == 0 || random.NextDouble() >= dropout))
                {
                    (best, chosen) = (i, merge);
                }
            }
            if (best < 0) return [.. symbols];
            symbols[best] = chosen.Merged;
            symbols.RemoveAt(best + 1);
        }
    }
}
