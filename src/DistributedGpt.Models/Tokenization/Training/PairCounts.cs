using System.Runtime.InteropServices;

namespace DistributedGpt.Models;

/// <summary>How often each pair of neighbouring tokens occurs in the words, and in which; kept true as pairs are merged.</summary>
internal sealed class PairCounts
{
    private readonly Word[] _words;
    private readonly Dictionary<(int Left, int Right), int> _counts = [];
    private readonly Dictionary<(int Left, int Right), HashSet<int>> _places = [];

    // An entry whose count has changed since is put in again with the true one when it comes up.
    private readonly PriorityQueue<(int Left, int Right), (int Rarity, int Left, int Right)> _queue = new();

    /// <summary>Counts the pairs of <paramref name="words"/>.</summary>
    public PairCounts(Word[] words)
    {
        _words = words;
        var found = new HashSet<(int, int)>();
        for (int index = 0; index < words.Length; index++)
            Add(index, found);
        foreach ((int Left, int Right) pair in found)
            Enqueue(pair);
    }

    /// <summary>The most frequent pair, which does not come up again; null when none occurs twice.</summary>
    public (int Left, int Right)? TakeMostFrequent()
    {
        while (_queue.TryDequeue(out (int Left, int Right) pair, out (int Rarity, int, int) priority))
        {
            int count = _counts.GetValueOrDefault(pair);
            if (count < 2)
                continue;
            if (count == -priority.Rarity)
                return pair;
            Enqueue(pair);
        }

        return null;
    }

    /// <summary>Merges a pair in all words.</summary>
    public void Merge(int left, int right, int merged)
    {
        if (!_places.Remove((left, right), out HashSet<int>? places))
            return;
        var grown = new HashSet<(int, int)>();
        foreach (int index in places)
        {
            Word word = _words[index];
            ReadOnlySpan<int> tokens = word.Tokens;
            for (int i = 1; i < tokens.Length; i++)
                CollectionsMarshal.GetValueRefOrAddDefault(_counts, (tokens[i - 1], tokens[i]), out _) -= word.Count;
            word.Merge(left, right, merged);
            Add(index, grown, merged);
        }

        foreach ((int Left, int Right) pair in grown)
            Enqueue(pair);
    }

    private void Add(int index, HashSet<(int Left, int Right)> found, int? only = null)
    {
        Word word = _words[index];
        ReadOnlySpan<int> tokens = word.Tokens;
        for (int i = 1; i < tokens.Length; i++)
        {
            (int Left, int Right) pair = (tokens[i - 1], tokens[i]);
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += word.Count;
            if (only is int token && pair.Left != token && pair.Right != token)
                continue;
            ref HashSet<int>? places = ref CollectionsMarshal.GetValueRefOrAddDefault(_places, pair, out _);
            (places ??= []).Add(index);
            found.Add(pair);
        }
    }

    private void Enqueue((int Left, int Right) pair) => _queue.Enqueue(pair, (-_counts[pair], pair.Left, pair.Right));
}
