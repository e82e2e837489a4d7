using System.Runtime.InteropServices;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// Trains a byte-level BPE tokenizer in GPT-2's manner (Sennrich et al. 2016; Radford et al. 2019): beginning with the 256
/// bytes, again and again the most frequent pair of neighbouring tokens within a piece becomes a token. Of equally frequent
/// pairs the one with the lower ids goes first, so the same text gives the same tokenizer everywhere.
/// </summary>
public static class BpeTrainer
{
    /// <summary>The only special token; its id is 0.</summary>
    public const string EndOfText = "<|endoftext|>";

    /// <summary>The smallest vocabulary: the special token and the bytes.</summary>
    public const int SmallestVocabulary = 257;

    /// <summary>Trains on <paramref name="text"/>.</summary>
    /// <param name="text">The text to learn from.</param>
    /// <param name="vocabularySize">The number of tokens, at least <see cref="SmallestVocabulary"/>; fewer result where no pair occurs twice.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ArgumentOutOfRangeException">The vocabulary is too small.</exception>
    public static TrainedTokenizer Train(string text, int vocabularySize, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, SmallestVocabulary);
        List<string> tokens = [EndOfText, .. ByteLevelAlphabet.Characters.Order().Select(character => character.ToString())];
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < tokens.Count; id++)
            ids.Add(tokens[id], id);

        Word[] words = CountWords(text, ids, cancellationToken);
        var pairs = new PairCounts(words);
        var merges = new List<(string Left, string Right)>();
        while (tokens.Count < vocabularySize && pairs.TakeMostFrequent() is (int left, int right))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string merged = tokens[left] + tokens[right];
            if (!ids.TryGetValue(merged, out int id))
            {
                id = tokens.Count;
                tokens.Add(merged);
                ids.Add(merged, id);
            }

            merges.Add((tokens[left], tokens[right]));
            pairs.Merge(left, right, id);
        }

        return new TrainedTokenizer(tokens, merges);
    }

    private static Word[] CountWords(string text, Dictionary<string, int> ids, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        for (ReadOnlySpan<char> rest = text; !rest.IsEmpty;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int length = Gpt2Splitter.NextLength(rest);
            CollectionsMarshal.GetValueRefOrAddDefault(lookup, rest[..length], out _)++;
            rest = rest[length..];
        }

        int[] byteIds = [.. ByteLevelAlphabet.Characters.Select(character => ids[character.ToString()])];
        return [.. counts.Select(entry => new Word([.. Encoding.UTF8.GetBytes(entry.Key).Select(value => byteIds[value])], entry.Value))];
    }
}
