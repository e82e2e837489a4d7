namespace DistributedGpt.Client;

/// <summary>
/// Finds one stop string in a text that comes piece by piece, looking at each character once (Knuth, Morris and Pratt 1977).
/// </summary>
internal sealed class StopStringMatcher
{
    private readonly string _stop;

    // [i]: the longest proper prefix of the stop string that is also a suffix of its first i characters.
    private readonly int[] _border;

    /// <summary>Looks for <paramref name="stop"/>.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public StopStringMatcher(string stop)
    {
        ArgumentException.ThrowIfNullOrEmpty(stop);
        _stop = stop;
        _border = new int[stop.Length + 1];
        for (int i = 1, border = 0; i < stop.Length; i++)
        {
            while (border > 0 && stop[i] != stop[border])
                border = _border[border];
            if (stop[i] == stop[border])
                border++;
            _border[i + 1] = border;
        }
    }

    /// <summary>The length of the stop string.</summary>
    public int Length => _stop.Length;

    /// <summary>How many characters at the end of the text begin the stop string; all of them after a match.</summary>
    public int Matched { get; private set; }

    /// <summary>Takes the next character and says whether the stop string ends with it; then only <see cref="Ignore"/> lets it go on.</summary>
    public bool Advance(char next)
    {
        while (Matched > 0 && next != _stop[Matched])
            Matched = _border[Matched];
        if (next == _stop[Matched])
            Matched++;
        return Matched == _stop.Length;
    }

    /// <summary>Gives up a match that does not count: what follows may still begin another.</summary>
    public void Ignore() => Matched = _border[Matched];
}
