namespace DistributedGpt.Transformer;

/// <summary>
/// Elementary functions in double precision made of IEEE operations only, within a few units in the last place: rotary tables must have
/// the same bits on every machine, which a C library's functions do not promise.
/// </summary>
internal static class RotaryMath
{
    private const double Ln2High = 0.693147180559945286;
    private const double Ln2Low = 2.3190468138462996e-17;
    private const double HalfPiHigh = 1.5707963267948966;
    private const double HalfPiLow = 6.123233995736766e-17;

    /// <summary>ln x, for normal positive x: x = 2^n m, ln m = 2 artanh((m - 1) / (m + 1)).</summary>
    public static double Log(double x)
    {
        int n = Math.ILogB(x);
        double m = Math.ScaleB(x, -n);
        if (m > 1.4142135623730951)
        {
            m /= 2;
            n++;
        }

        double s = (m - 1) / (m + 1);
        double sum = 0;
        for (int k = 25; k >= 1; k -= 2) sum = Math.FusedMultiplyAdd(sum, s * s, 1.0 / k);
        return Math.FusedMultiplyAdd(n, Ln2High, Math.FusedMultiplyAdd(n, Ln2Low, 2 * s * sum));
    }

    /// <summary>e^x, for |x| below 700: e^x = 2^n e^r, e^r by its Taylor polynomial.</summary>
    public static double Exp(double x)
    {
        double n = Math.Round(x / Ln2High);
        double r = Math.FusedMultiplyAdd(-n, Ln2Low, Math.FusedMultiplyAdd(-n, Ln2High, x));
        double sum = 1;
        for (int k = 16; k >= 1; k--) sum = Math.FusedMultiplyAdd(sum, r / k, 1);
        return Math.ScaleB(sum, (int)n);
    }

    /// <summary>Sine and cosine of x, for 0 &lt;= x below 2^30: x = n pi/2 + r, Taylor polynomials of r.</summary>
    public static (double Sin, double Cos) SinCos(double x)
    {
        double n = Math.Round(x / HalfPiHigh);
        double r = Math.FusedMultiplyAdd(-n, HalfPiLow, Math.FusedMultiplyAdd(-n, HalfPiHigh, x));
        double square = r * r;
        double sine = 1;
        for (int k = 18; k >= 2; k -= 2) sine = Math.FusedMultiplyAdd(sine, -square / (k * (k + 1)), 1);
        double cosine = 1;
        for (int k = 17; k >= 1; k -= 2) cosine = Math.FusedMultiplyAdd(cosine, -square / (k * (k + 1)), 1);
        sine *= r;
        return ((long)n & 3) switch
        {
            0 => (sine, cosine),
            1 => (cosine, -sine),
            2 => (-sine, -cosine),
            _ => (-cosine, sine),
        };
    }
}
