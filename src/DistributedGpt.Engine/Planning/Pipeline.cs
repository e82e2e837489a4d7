namespace DistributedGpt.Engine;

/// <summary>A division that a search has found, and how good it is: at full load, and with one request.</summary>
internal sealed class Pipeline
{
    /// <summary>Differences below this are rounding.</summary>
    public const double Tolerance = 1e-9;

    /// <summary>A division for a load of so many requests.</summary>
    public Pipeline(StageCosts costs, StagePlan plan, double requests)
    {
        Plan = plan;
        TokensPerSecond = new PipelineSpeed(costs, plan, requests).TokensPerSecond;
        PassMilliseconds = new PipelineSpeed(costs, plan, 1).PassMilliseconds;
    }

    /// <summary>The stages.</summary>
    public StagePlan Plan { get; }

    /// <summary>At full load.</summary>
    public double TokensPerSecond { get; }

    /// <summary>How long a single request waits for a token.</summary>
    public double PassMilliseconds { get; }

    /// <summary>The milliseconds of a slowest stage with which a division into that many stages is at best as fast as <paramref name="other"/>.</summary>
    public static double SlowestToBeat(Pipeline? other, double requests, int stages) =>
        other is null ? double.MaxValue : 1000 * requests / Math.Min(requests, stages) / other.TokensPerSecond * (1 + Tolerance);

    /// <summary>The milliseconds of a pass with which a division is at best as fast as <paramref name="other"/>.</summary>
    public static double PassToBeat(Pipeline? other, double requests) =>
        other is null ? double.MaxValue : 1000 * requests / other.TokensPerSecond * (1 + Tolerance);

    /// <summary>Whether this is to be preferred: the faster at full load, then the faster with one request, then the one that leaves silos more room.</summary>
    public bool IsBetterThan(Pipeline? other)
    {
        if (other is null) return true;
        if (Differs(TokensPerSecond, other.TokensPerSecond)) return TokensPerSecond > other.TokensPerSecond;
        if (Differs(PassMilliseconds, other.PassMilliseconds)) return PassMilliseconds < other.PassMilliseconds;
        return Plan.Stages.Length > other.Plan.Stages.Length;
    }

    private static bool Differs(double a, double b) => Math.Abs(a - b) > Tolerance * Math.Max(a, b);
}
