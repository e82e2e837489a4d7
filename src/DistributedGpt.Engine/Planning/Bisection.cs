namespace DistributedGpt.Engine;

/// <summary>Finds the least bound on a stage's time that a division keeps.</summary>
internal static class Bisection
{
    /// <summary>The division with the fastest slowest stage.</summary>
    /// <param name="atMost">The first bound that is tried.</param>
    /// <param name="divide">A division within a bound, or null; one within a bound is within all greater ones.</param>
    /// <param name="slowest">The time of a division's slowest stage.</param>
    /// <returns>Null where none is within <paramref name="atMost"/>.</returns>
    public static StagePlan? Find(double atMost, Func<double, StagePlan?> divide, Func<StagePlan, double> slowest)
    {
        if (divide(atMost) is not { } best) return null;
        double low = 0, high = slowest(best);

        // There are few times that a stage can have, so the best is often found long before the bounds meet: ask for that first.
        bool tryJustBelow = true;
        while (high - low > Pipeline.Tolerance * high)
        {
            double bound = tryJustBelow ? high * (1 - Pipeline.Tolerance) : (low + high) / 2;
            if (divide(bound) is { } better)
            {
                (best, high) = (better, slowest(better));
                tryJustBelow = !tryJustBelow;
            }
            else
            {
                low = bound;
                tryJustBelow = false;
            }
        }

        return best;
    }
}
