using DistributedGpt.Models;

namespace DistributedGpt.Reference;

/// <summary>The vector formulas.</summary>
internal static class Vectors
{
    public static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }

    public static void AddTo(double[] x, double[] y)
    {
        for (int i = 0; i < x.Length; i++) x[i] += y[i];
    }

    public static double[] Softmax(double[] x)
    {
        double largest = x.Max();
        double[] weights = Array.ConvertAll(x, value => Math.Exp(value - largest));
        double sum = weights.Sum();
        return Array.ConvertAll(weights, weight => weight / sum);
    }

    /// <summary>Layer norm or RMS norm of a row.</summary>
    public static double[] Normalise(NormKind kind, double[] x, Matrix weight, Matrix? bias, double epsilon)
    {
        double mean = kind == NormKind.LayerNorm ? x.Average() : 0;
        double variance = x.Average(value => (value - mean) * (value - mean));
        double[] y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = (x[i] - mean) / Math.Sqrt(variance + epsilon) * weight.Row(0)[i] + (bias?.Row(0)[i] ?? 0);
        }

        return y;
    }
}
