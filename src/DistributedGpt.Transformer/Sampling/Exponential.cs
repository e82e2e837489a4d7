using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistributedGpt.Transformer;

/// <summary>The exponential function of arguments up to 0, with the same bits on every machine.</summary>
internal static class Exponential
{
    /// <summary>Below it the result is 0.</summary>
    private const float Smallest = -80;

    /// <summary>e^x of each element, none of which is above 0 or NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> OfNonPositive(Vector256<float> x)
    {
        // x = n ln 2 + r with |r| <= ln(2)/2. Adding 1.5 * 2^23 rounds to the integer n and leaves it in the low bits.
        Vector256<float> shifted = Vector256.FusedMultiplyAdd(x, Vector256.Create(1.44269504f), Vector256.Create(12582912f));
        Vector256<float> n = shifted - Vector256.Create(12582912f);
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-0.693359375f), x);
        r = Vector256.FusedMultiplyAdd(n, Vector256.Create(2.12194440e-4f), r);

        // The series of e^r up to r^7: the rest is below 6e-9.
        Vector256<float> p = Vector256.Create(1f / 5040);
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1f / 720));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1f / 120));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1f / 24));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1f / 6));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(0.5f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256<float>.One);
        p = Vector256.FusedMultiplyAdd(p, r, Vector256<float>.One);

        Vector256<float> scaled = (p.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();
        return Vector256.GreaterThanOrEqual(x, Vector256.Create(Smallest)) & scaled;
    }
}
