using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DistributedGpt.Transformer;

/// <summary>
/// Weights in 0 to 1, relative to the most probable token, as integers in units of 2^-40. Sums of integers are exact, hence the
/// same in any order, at any vector width and on any machine; 2^22 of the largest weight fit.
/// </summary>
internal static class ProbabilityMass
{
    /// <summary>The mass of weight 1.</summary>
    public const long One = 1L << 40;

    /// <summary>Added to a double below it, it leaves the integer nearest to that double in the low bits.</summary>
    private const double Magic = 4503599627370496;

    /// <summary>The mass of <paramref name="weight"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Of(float weight) =>
        BitConverter.DoubleToInt64Bits(weight * (double)One + Magic) - BitConverter.DoubleToInt64Bits(Magic);

    /// <summary>The masses of eight weights, added in pairs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<long> Of(Vector256<float> weights) =>
        Of(Vector256.WidenLower(weights)) + Of(Vector256.WidenUpper(weights));

    private static Vector256<long> Of(Vector256<double> weights) =>
        (weights * Vector256.Create((double)One) + Vector256.Create(Magic)).AsInt64() - Vector256.Create(Magic).AsInt64();
}
