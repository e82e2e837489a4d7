namespace DistributedGpt.Transformer;

/// <summary>
/// Random numbers without a state: one is a hash of what it is for, so a token that is sampled again is the same. The mixing is
/// the finaliser of <see href="https://doi.org/10.1145/2714064.2660195">SplitMix64</see>, once for each part of the key.
/// </summary>
internal static class CounterRandom
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    /// <summary>64 uniform bits for the token at <paramref name="position"/> of a completion.</summary>
    public static ulong Draw(ulong seed, int completion, int position)
    {
        ulong hash = Mix(seed);
        hash = Mix(hash ^ (uint)completion);
        return Mix(hash ^ (uint)position);
    }

    /// <summary>64 uniform bits for <paramref name="x"/>.</summary>
    public static ulong Mix(ulong x)
    {
        x += Gamma;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
