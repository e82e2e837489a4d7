using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// Chooses a token from a row of logits. A pure function of the logits, the sequence's options and ids, and its place: the random
/// number is a hash of seed, completion and position. It is also the same on every machine: the kernels' exponential function, sums of
/// integers (<see cref="ProbabilityMass"/>), and no order that depends on a vector width or on a thread.
/// <para>
/// The order: log-probabilities of the model's own distribution; then logit bias, the processor's penalties, end and stop tokens
/// masked until the least number of tokens is generated, temperature, top-k, top-p, min-p; then the draw. Ties are cut by
/// the lower id. The work is linear in the vocabulary: a maximum for each block of logits tells which blocks can hold a candidate,
/// and candidates are cut by selection, never by a sort of the vocabulary.
/// </para>
/// <para>An instance is a set of buffers for one thread at a time; several may work on the rows of a step.</para>
/// </summary>
public sealed class Sampler
{
    /// <summary>Logits per block; a multiple of the vector's length.</summary>
    private const int BlockLength = 64;

    /// <summary>The log-probability of what is impossible: JSON has no infinity.</summary>
    private const float LeastLogprob = -9999;

    private readonly int _vocabularySize;

    /// <summary>The row's logits, finite or minus infinity, filled up to whole blocks with minus infinity.</summary>
    private readonly float[] _logits;

    /// <summary>Each token's weight relative to the most probable one's.</summary>
    private readonly float[] _weights;

    /// <summary>The largest logit of each block.</summary>
    private readonly float[] _blockLogits;

    /// <summary>The largest weight of each block.</summary>
    private readonly float[] _blockWeights;

    private readonly long[] _blockMasses;
    private readonly Candidates _candidates;

    /// <summary>Makes buffers for logits <c>[vocabularySize]</c>, about 24 bytes for each.</summary>
    public Sampler(int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(vocabularySize, 1 << 22);
        int blocks = (vocabularySize + BlockLength - 1) / BlockLength;
        _vocabularySize = vocabularySize;
        _logits = new float[blocks * BlockLength];
        _weights = new float[blocks * BlockLength];
        _blockLogits = new float[blocks];
        _blockWeights = new float[blocks];
        _blockMasses = new long[blocks];
        _candidates = new Candidates(vocabularySize);
    }

    /// <summary>Chooses the token after the last one of <paramref name="sequence"/>.</summary>
    /// <param name="sequence">A sequence of a step that wants a sample.</param>
    /// <param name="processor">What <see cref="SamplerStates.Advance"/> returned for it.</param>
    /// <param name="logits">The model's logits <c>[vocabulary]</c> for it; not changed. Those that are not a number count as impossible.</param>
    /// <returns>The token; without one (<see cref="SampledToken.None"/>) where all are impossible.</returns>
    public SampledToken Sample(StepSequence sequence, ILogitsProcessor? processor, ReadOnlySpan<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(logits.Length, _vocabularySize);
        SamplingOptions options = sequence.Sampling
            ?? throw new ArgumentException("The sequence wants no sample.", nameof(sequence));

        float largest = Load(logits);
        if (largest == float.NegativeInfinity) return new SampledToken(sequence.Id, sequence.Length, SampledToken.None);
        TokenLogprobs? logprobs = options.Logprobs is { } top ? Describe(top, largest) : null;
        largest = Process(sequence, options, processor, largest);
        int id = Choose(sequence, options, largest);
        if (logprobs is not null) logprobs = logprobs with { Chosen = Logprob(Finite(logits[id]), logprobs.Chosen) };
        return new SampledToken(sequence.Id, sequence.Length, id, logprobs);
    }

    /// <summary>The probabilities <c>[vocabulary]</c> from which <see cref="Sample"/> draws.</summary>
    internal void ComputeProbabilities(
        StepSequence sequence, ILogitsProcessor? processor, ReadOnlySpan<float> logits, Span<double> probabilities)
    {
        SamplingOptions options = sequence.Sampling!;
        float largest = Process(sequence, options, processor, Load(logits));
        probabilities.Clear();
        if (!Restrict(options, largest, out long mass))
        {
            for (int id = 0; id < _vocabularySize; id++) probabilities[id] = ProbabilityMass.Of(_weights[id]) / (double)mass;
            return;
        }

        for (int i = 0; i < _candidates.Count; i++)
        {
            probabilities[_candidates.Ids[i]] = ProbabilityMass.Of(_candidates.Weights[i]) / (double)mass;
        }
    }

    /// <summary>Applies everything that changes single logits, and returns the largest.</summary>
    private float Process(StepSequence sequence, SamplingOptions options, ILogitsProcessor? processor, float largest)
    {
        Span<float> logits = _logits.AsSpan(0, _vocabularySize);
        bool ends = sequence.Length - sequence.PromptLength >= options.MinTokens;
        if (options.LogitBiasIds.Length == 0 && processor is null && ends) return largest;

        int biases = Math.Min(options.LogitBiasIds.Length, options.LogitBiasValues.Length);
        for (int i = 0; i < biases; i++)
        {
            if ((uint)options.LogitBiasIds[i] < (uint)logits.Length) logits[options.LogitBiasIds[i]] += options.LogitBiasValues[i];
        }

        processor?.Apply(logits);
        if (!ends)
        {
            if (!options.IgnoreEos) Mask(options.EosTokenIds);
            Mask(options.StopTokenIds);
        }

        return Load(logits);

        void Mask(int[] ids)
        {
            foreach (int id in ids)
            {
                if ((uint)id < (uint)_vocabularySize) _logits[id] = float.NegativeInfinity;
            }
        }
    }

    private int Choose(StepSequence sequence, SamplingOptions options, float largest)
    {
        if (!(options.Temperature > 0) || largest == float.NegativeInfinity) return FindBest(largest);
        bool restricted = Restrict(options, largest, out long mass);
        ulong random = CounterRandom.Draw(options.Seed, sequence.Id.Completion, sequence.Length);
        long left = (long)Math.BigMul(random, (ulong)mass, out _);
        return restricted ? PickCandidate(left) : PickToken(left);
    }

    /// <summary>
    /// Applies temperature, top-k, top-p and min-p. True: the tokens that remain are the candidates; false: all remain.
    /// </summary>
    private bool Restrict(SamplingOptions options, float largest, out long mass)
    {
        float temperature = options.Temperature > 0 ? Math.Min(options.Temperature, float.MaxValue) : 1;
        float leastWeight = Math.Min(options.MinP, 1);
        bool byRank = options.TopK > 0 && options.TopK < _vocabularySize;
        bool byMass = options.TopP < 1;
        if (byRank)
        {
            GatherBest(options.TopK);
            WeighCandidates(largest, temperature);
            mass = byMass ? _candidates.Mass : 0;
        }
        else
        {
            mass = Weigh(largest, temperature);
        }

        if (byMass)
        {
            long enough = EnoughMass(options.TopP, mass);
            if (!byRank) GatherMass(enough);
            _candidates.KeepMass(enough);
        }

        if (leastWeight > 0)
        {
            if (byRank || byMass) _candidates.KeepWeightsFrom(leastWeight);
            else GatherWeightsFrom(leastWeight);
        }

        if (!byRank && !byMass && !(leastWeight > 0)) return false;
        mass = _candidates.Mass;
        return true;
    }

    /// <summary>
    /// The mass that reaches the share <paramref name="topP"/>. Weights are single-precision results, so a set that lacks less
    /// than 2^-22 of the share has reached it.
    /// </summary>
    private static long EnoughMass(float topP, long mass) => Math.Max(1, (long)(topP * (1 - 1.0 / (1 << 22)) * mass));

    /// <summary>The log-probabilities, with the logarithm of the sum of exponentials in place of the chosen one's.</summary>
    private TokenLogprobs Describe(int top, float largest)
    {
        GatherBest(Math.Min(top, _vocabularySize));
        double sum = Weigh(largest, 1) / (double)ProbabilityMass.One;
        float logSum = (float)(largest + Log(sum));
        int[] ids = _candidates.Ids.ToArray();
        Array.Sort(ids, (a, b) => _logits[a] != _logits[b] ? _logits[b].CompareTo(_logits[a]) : a.CompareTo(b));
        float[] values = Array.ConvertAll(ids, id => Logprob(_logits[id], logSum));
        return new TokenLogprobs(logSum, ids, values);
    }

    private static float Logprob(float logit, float logSum) =>
        logit > float.NegativeInfinity ? Math.Max(LeastLogprob, logit - logSum) : LeastLogprob;

    /// <summary>Copies logits to the buffer, makes them finite or minus infinity, and returns the largest.</summary>
    private float Load(ReadOnlySpan<float> logits)
    {
        logits.CopyTo(_logits);
        _logits.AsSpan(logits.Length).Fill(float.NegativeInfinity);
        ref float start = ref MemoryMarshal.GetArrayDataReference(_logits);
        Vector256<float> infinity = Vector256.Create(float.PositiveInfinity);
        Vector256<float> overall = -infinity;
        for (int block = 0; block < _blockLogits.Length; block++)
        {
            Vector256<float> maximum = -infinity;
            for (int i = block * BlockLength; i < (block + 1) * BlockLength; i += Vector256<float>.Count)
            {
                Vector256<float> x = Vector256.LoadUnsafe(ref start, (nuint)i);
                x = Vector256.ConditionalSelect(Vector256.Equals(x, x), x, -infinity);
                x = Vector256.ConditionalSelect(Vector256.Equals(x, infinity), Vector256.Create(float.MaxValue), x);
                x.StoreUnsafe(ref start, (nuint)i);
                maximum = Larger(maximum, x);
            }

            _blockLogits[block] = Largest(maximum);
            overall = Larger(overall, maximum);
        }

        return Largest(overall);
    }

    private static float Finite(float logit) => float.IsNaN(logit) ? float.NegativeInfinity : Math.Min(logit, float.MaxValue);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Larger(Vector256<float> a, Vector256<float> b) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(a, b), a, b);

    private static float Largest(Vector256<float> x)
    {
        float largest = x[0];
        for (int i = 1; i < Vector256<float>.Count; i++) largest = x[i] > largest ? x[i] : largest;
        return largest;
    }

    /// <summary>The lowest id that has the largest logit.</summary>
    private int FindBest(float largest)
    {
        int block = _blockLogits.AsSpan().IndexOf(largest);
        return block * BlockLength + _logits.AsSpan(block * BlockLength).IndexOf(largest);
    }

    /// <summary>Gives every token its weight and every block its mass, and returns the mass of all.</summary>
    private long Weigh(float largest, float temperature)
    {
        ref float logits = ref MemoryMarshal.GetArrayDataReference(_logits);
        ref float weights = ref MemoryMarshal.GetArrayDataReference(_weights);
        long total = 0;
        for (int block = 0; block < _blockMasses.Length; block++)
        {
            Vector256<long> mass = Vector256<long>.Zero;
            Vector256<float> maximum = Vector256<float>.Zero;
            for (int i = block * BlockLength; i < (block + 1) * BlockLength; i += Vector256<float>.Count)
            {
                Vector256<float> weight = Weight(Vector256.LoadUnsafe(ref logits, (nuint)i), largest, temperature);
                weight.StoreUnsafe(ref weights, (nuint)i);
                mass += ProbabilityMass.Of(weight);
                maximum = Larger(maximum, weight);
            }

            _blockWeights[block] = Largest(maximum);
            total += _blockMasses[block] = Vector256.Sum(mass);
        }

        return total;
    }

    private void WeighCandidates(float largest, float temperature)
    {
        Span<float> weights = _candidates.Weights;
        ReadOnlySpan<float> logits = _candidates.Logits;
        int i = 0;
        for (; i + Vector256<float>.Count <= weights.Length; i += Vector256<float>.Count)
        {
            Weight(Vector256.Create(logits[i..]), largest, temperature).CopyTo(weights[i..]);
        }

        for (; i < weights.Length; i++) weights[i] = Weight(Vector256.Create(logits[i]), largest, temperature)[0];
    }

    /// <summary>exp((logit - largest) / temperature): the largest logit is subtracted first, so that nothing overflows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Weight(Vector256<float> logits, float largest, float temperature) =>
        VectorMath<Simd256, Vector256<float>>.Exp((logits - Vector256.Create(largest)) / Vector256.Create(temperature));

    /// <summary>Makes the <paramref name="count"/> best tokens the candidates, with their logits.</summary>
    private void GatherBest(int count)
    {
        // So many blocks have a maximum of at least the bound, so as many tokens do, and the best are among them.
        float bound = float.NegativeInfinity;
        _candidates.Clear();
        if (count == 0) return;
        if (count < _blockLogits.Length)
        {
            for (int block = 0; block < _blockLogits.Length; block++) _candidates.Add(block, _blockLogits[block], 0);
            _candidates.KeepBest(count);
            bound = float.PositiveInfinity;
            foreach (float logit in _candidates.Logits) bound = Math.Min(bound, logit);
        }

        Gather(_logits, _blockLogits, bound);
        _candidates.KeepBest(count);
    }

    /// <summary>Makes tokens whose mass is at least <paramref name="enough"/> the candidates, the best among them.</summary>
    private void GatherMass(long enough)
    {
        // Few tokens bear most of the mass as a rule: look for them first.
        for (float least = 1f / 16; ; least /= 16)
        {
            GatherWeightsFrom(least);
            if (least * ProbabilityMass.One < 1 || _candidates.Mass >= enough) return;
        }
    }

    private void GatherWeightsFrom(float least) => Gather(_weights, _blockWeights, least);

    /// <summary>Makes the tokens whose value is at least <paramref name="least"/> the candidates.</summary>
    private void Gather(float[] values, float[] blockMaxima, float least)
    {
        ref float start = ref MemoryMarshal.GetArrayDataReference(values);
        Vector256<float> border = Vector256.Create(least);
        _candidates.Clear();
        for (int block = 0; block < blockMaxima.Length; block++)
        {
            if (blockMaxima[block] < least) continue;
            for (int i = block * BlockLength; i < (block + 1) * BlockLength; i += Vector256<float>.Count)
            {
                uint hits = Vector256.GreaterThanOrEqual(Vector256.LoadUnsafe(ref start, (nuint)i), border).ExtractMostSignificantBits();
                for (; hits != 0; hits &= hits - 1)
                {
                    int id = i + BitOperations.TrailingZeroCount(hits);
                    if (id < _vocabularySize) _candidates.Add(id, _logits[id], _weights[id]);
                }
            }
        }
    }

    private int PickCandidate(long left)
    {
        int i = 0;
        while (i < _candidates.Count - 1 && (left -= ProbabilityMass.Of(_candidates.Weights[i])) >= 0) i++;
        return _candidates.Ids[i];
    }

    private int PickToken(long left)
    {
        int block = 0;
        while (block < _blockMasses.Length - 1 && left >= _blockMasses[block]) left -= _blockMasses[block++];
        int id = block * BlockLength;
        while (id < _vocabularySize - 1 && (left -= ProbabilityMass.Of(_weights[id])) >= 0) id++;
        return id;
    }

    /// <summary>
    /// The natural logarithm of a number of at least 1, of additions, multiplications and divisions only, which have the same bits
    /// everywhere: x = 2^n m with m near 1, and ln m = 2 artanh((m - 1) / (m + 1)) by its series.
    /// </summary>
    private static double Log(double x)
    {
        int n = Math.ILogB(x);
        double m = Math.ScaleB(x, -n);
        if (m > 1.4142135623730951)
        {
            m /= 2;
            n++;
        }

        double s = (m - 1) / (m + 1);
        double square = s * s;
        double sum = 0;
        for (int k = 23; k >= 1; k -= 2) sum = sum * square + 1.0 / k;
        return n * 0.69314718055994531 + 2 * s * sum;
    }
}
