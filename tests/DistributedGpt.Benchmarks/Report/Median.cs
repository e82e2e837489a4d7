namespace DistributedGpt.Benchmarks;

/// <summary>The middle of some figures.</summary>
internal static class Median
{
    /// <summary>The median of <paramref name="figures"/>, of which there must be some.</summary>
    public static double Of(IEnumerable<double> figures)
    {
        double[] values = [.. figures.Order()];
        return (values[values.Length / 2] + values[(values.Length - 1) / 2]) / 2;
    }
}
