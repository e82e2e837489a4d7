namespace DistributedGpt.Engine;

/// <summary>
/// The prefixes that a replica was given lately, a bounded number of them: in two generations, of which the older one is dropped
/// when the younger one is full.
/// </summary>
/// <param name="capacity">At most so many in a generation.</param>
internal sealed class RecentPrefixes(int capacity)
{
    private HashSet<BlockHash> _young = [];
    private HashSet<BlockHash> _old = [];

    /// <summary>The replica is given a prompt that begins so.</summary>
    public void Add(BlockHash prefix)
    {
        if (_young.Count == capacity) (_young, _old) = ([], _young);
        _young.Add(prefix);
    }

    /// <summary>How many of a prompt's beginnings, the shortest first, end with one that is known.</summary>
    public int CountKnown(ReadOnlySpan<BlockHash> prefixes)
    {
        int known = prefixes.Length;
        while (known > 0 && !_young.Contains(prefixes[known - 1]) && !_old.Contains(prefixes[known - 1])) known--;
        return known;
    }

    /// <summary>The replica's caches may be gone.</summary>
    public void Clear()
    {
        _young.Clear();
        _old.Clear();
    }
}
