namespace DistributedGpt.Models;

/// <summary>A piece of the training text: its tokens so far and how often it occurs.</summary>
internal sealed class Word(int[] tokens, int count)
{
    private int _length = tokens.Length;

    /// <summary>How often it occurs.</summary>
    public int Count { get; } = count;

    /// <summary>Its tokens.</summary>
    public ReadOnlySpan<int> Tokens => tokens.AsSpan(0, _length);

    /// <summary>Replaces, from left to right, each <paramref name="left"/> before a <paramref name="right"/> and this by <paramref name="merged"/>.</summary>
    public void Merge(int left, int right, int merged)
    {
        int to = 0;
        for (int from = 0; from < _length; from++)
        {
            bool match = tokens[from] == left && from + 1 < _length && tokens[from + 1] == right;
            tokens[to++] = match ? merged : tokens[from];
            if (match)
                from++;
        }

        _length = to;
    }
}
