using System.Runtime.CompilerServices;

namespace DistributedGpt.Transformer;

/// <summary>
/// Elementary functions of whole registers, made of IEEE operations only, so that their bits do not depend on a C library or a
/// vector width.
/// </summary>
internal static class VectorMath<TSimd, V>
    where TSimd : ISimd<V>
    where V : unmanaged
{
    // Below this e^x is less than the smallest normal number and becomes 0; above the other it would overflow and stays finite.
    private const float MinExponent = -87.3f;
    private const float MaxExponent = 88.3f;

    /// <summary>
    /// e^x, within 2 units in the last place; 0 below -87.3 and e^88.3 above 88.3. e^x = 2^n e^r with n the nearest integer to
    /// x / ln 2 and |r| at most ln 2 / 2; e^r by its Taylor polynomial of degree 7, whose remainder is below 2^-27.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp(V x)
    {
        V clamped = TSimd.Min(TSimd.Max(x, TSimd.Broadcast(MinExponent)), TSimd.Broadcast(MaxExponent));

        // Adding 1.5 * 2^23 leaves the nearest integer in the low mantissa bits.
        V shift = TSimd.Broadcast(12582912f);
        V shifted = TSimd.FusedMultiplyAdd(clamped, TSimd.Broadcast(1.44269502f), shift);
        V n = TSimd.Subtract(shifted, shift);

        // ln 2 in two parts, the first short enough for n times it to be exact.
        V r = TSimd.FusedMultiplyAdd(n, TSimd.Broadcast(-0.693359375f), clamped);
        r = TSimd.FusedMultiplyAdd(n, TSimd.Broadcast(2.12194440e-4f), r);

        V p = TSimd.Broadcast(1f / 5040);
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(1f / 720));
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(1f / 120));
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(1f / 24));
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(1f / 6));
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(0.5f));
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(1f));
        p = TSimd.FusedMultiplyAdd(p, r, TSimd.Broadcast(1f));
        return TSimd.ZeroBelow(x, TSimd.Broadcast(MinExponent), TSimd.Multiply(p, TSimd.PowerOfTwo(shifted)));
    }

    /// <summary>x / (1 + e^-z): SiLU for z = x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V TimesSigmoid(V x, V z)
    {
        V one = TSimd.Broadcast(1f);
        return TSimd.Divide(x, TSimd.Add(one, Exp(TSimd.Subtract(TSimd.Zero, z))));
    }

    /// <summary>
    /// The tanh form of GELU (Hendrycks and Gimpel, 2016): 0.5 x (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V GeluTanh(V x)
    {
        V cubic = TSimd.FusedMultiplyAdd(TSimd.Multiply(x, x), TSimd.Broadcast(0.0713548163f), TSimd.Broadcast(1.59576912f));
        return TimesSigmoid(x, TSimd.Multiply(x, cubic));
    }
}
