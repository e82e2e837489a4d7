using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// How long a step may take before it counts as hung: ten times what its rows took lately, at least ten seconds. Rows of a decode
/// step cost more than those of a prefill, so the bound is generous for long prompts; it is there for hangs, not for slow steps.
/// </summary>
internal sealed class StepClock
{
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(10);
    private const double Weight = 0.2;
    private double _secondsPerRow;

    /// <summary>A step was observed from its first stage to its acknowledgement.</summary>
    public void Observe(StepBatch step, TimeSpan elapsed)
    {
        double seconds = elapsed.TotalSeconds / step.RowCount;
        _secondsPerRow = _secondsPerRow == 0 ? seconds : _secondsPerRow + Weight * (seconds - _secondsPerRow);
    }

    /// <summary>The bound for a step.</summary>
    public TimeSpan TimeoutOf(StepBatch step)
    {
        TimeSpan generous = TimeSpan.FromSeconds(10 * step.RowCount * _secondsPerRow);
        return generous > Least ? generous : Least;
    }
}
