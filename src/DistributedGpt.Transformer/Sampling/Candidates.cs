namespace DistributedGpt.Transformer;

/// <summary>
/// The tokens that may still be chosen, by rising id. They are cut by their rank: higher logits first, of equal ones the lower id.
/// Cutting is a selection by the digits of the logit, linear in the number of candidates, whatever their values are.
/// </summary>
internal sealed class Candidates(int capacity)
{
    private const int DigitBits = 11;

    private readonly int[] _ids = new int[capacity];
    private readonly float[] _logits = new float[capacity];
    private readonly float[] _weights = new float[capacity];
    private readonly long[] _histogram = new long[1 << DigitBits];

    public int Count { get; private set; }

    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    public ReadOnlySpan<float> Logits => _logits.AsSpan(0, Count);

    /// <summary>The weights relative to the most probable token's.</summary>
    public Span<float> Weights => _weights.AsSpan(0, Count);

    public void Clear() => Count = 0;

    /// <summary>Adds a token with a higher id than those before.</summary>
    public void Add(int id, float logit, float weight)
    {
        _ids[Count] = id;
        _logits[Count] = logit;
        _weights[Count++] = weight;
    }

    /// <summary>The mass of all candidates.</summary>
    public long Mass
    {
        get
        {
            long mass = 0;
            foreach (float weight in Weights) mass += ProbabilityMass.Of(weight);
            return mass;
        }
    }

    /// <summary>Keeps the <paramref name="count"/> best.</summary>
    public void KeepBest(int count)
    {
        if (count < Count) KeepPrefix(count, byMass: false);
    }

    /// <summary>Keeps as few of the best as have a mass of at least <paramref name="mass"/> together.</summary>
    public void KeepMass(long mass) => KeepPrefix(mass, byMass: true);

    /// <summary>Keeps those whose weight is at least <paramref name="weight"/>.</summary>
    public void KeepWeightsFrom(float weight)
    {
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_weights[i] >= weight) Move(i, kept++);
        }

        Count = kept;
    }

    /// <summary>
    /// Finds the logit at which the best, counted or weighed, reach <paramref name="target"/>: digit by digit from the top, each
    /// time with a histogram over those that share the digits found so far.
    /// </summary>
    private void KeepPrefix(long target, bool byMass)
    {
        uint border = 0;
        long left = target;
        for (int shift = 32; shift > 0;)
        {
            int bits = Math.Min(DigitBits, shift);
            _histogram.AsSpan().Clear();
            for (int i = 0; i < Count; i++)
            {
                uint key = Key(_logits[i]);
                if (shift == 32 || key >> shift == border)
                {
                    _histogram[(key >> (shift - bits)) & ((1 << bits) - 1)] += byMass ? ProbabilityMass.Of(_weights[i]) : 1;
                }
            }

            int digit = (1 << bits) - 1;
            for (; digit > 0 && _histogram[digit] < left; digit--) left -= _histogram[digit];
            border = border << bits | (uint)digit;
            shift -= bits;
        }

        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            uint key = Key(_logits[i]);
            if (key < border || (key == border && left <= 0)) continue;
            if (key == border) left -= byMass ? ProbabilityMass.Of(_weights[i]) : 1;
            Move(i, kept++);
        }

        Count = kept;
    }

    private void Move(int from, int to)
    {
        _ids[to] = _ids[from];
        _logits[to] = _logits[from];
        _weights[to] = _weights[from];
    }

    /// <summary>An integer that orders as the logit does (-0 made 0).</summary>
    private static uint Key(float logit)
    {
        int bits = BitConverter.SingleToInt32Bits(logit + 0f);
        return (uint)(bits ^ ((bits >> 31) | int.MinValue));
    }
}
