namespace DistributedGpt.Transformer;

/// <summary>A learning rate that rises linearly and then falls along half a cosine to a twentieth.</summary>
/// <param name="peak">The highest rate.</param>
/// <param name="warmup">Steps of the rise.</param>
/// <param name="steps">Steps in all.</param>
internal sealed class CosineSchedule(double peak, int warmup, int steps)
{
    private const double Floor = 0.05;

    /// <summary>The rate of step <paramref name="step"/> (from 0).</summary>
    public double At(int step)
    {
        if (step < warmup) return peak * (step + 1) / warmup;
        double part = (step - warmup) / (double)Math.Max(1, steps - warmup);
        return peak * (Floor + (1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * Math.Min(1, part))));
    }
}
