namespace DistributedGpt.Engine;

/// <summary>
/// Whether a replica that a better plan waits for is to move to it by itself. A better plan must have been there for a while, since
/// silos come and go; and after a move the next one waits. It waits twice as long each time that the last move's promise was not
/// kept when the next is wanted: whatever goes back and forth then moves layers less and less often.
/// </summary>
public sealed class RebalancePolicy
{
    /// <summary>So long there must have been a better plan.</summary>
    public static readonly TimeSpan Hold = TimeSpan.FromSeconds(10);

    /// <summary>The least time between two moves.</summary>
    public static readonly TimeSpan LeastPause = TimeSpan.FromMinutes(5);

    /// <summary>A promise that was kept for so many times the pause shows that nothing goes back and forth: the pause is the least again.</summary>
    public const int CalmPauses = 8;

    /// <summary>A promise is kept while the plan is predicted to have this part of the speed that it was chosen for.</summary>
    public const double KeptShare = 0.95;

    private TimeSpan? _wanted;
    private TimeSpan? _moved;
    private double _promised;

    /// <summary>The least time from the last move to the next.</summary>
    public TimeSpan Pause { get; private set; } = LeastPause;

    /// <summary>Weighs a move; the caller carries it out if the answer is yes.</summary>
    /// <param name="now">The time, on a clock that never goes back.</param>
    /// <param name="isWorthwhile">Whether there is a plan that is worth moving for.</param>
    /// <param name="speed">The speed that is predicted for the plan that there is, tokens per second.</param>
    /// <param name="best">The same of the best plan.</param>
    public bool IsToMove(TimeSpan now, bool isWorthwhile, double speed, double best)
    {
        if (!isWorthwhile)
        {
            _wanted = null;
            return false;
        }

        _wanted ??= now;
        if (now - _wanted < Hold || now - _moved < Pause) return false;
        if (_moved is { } moved)
        {
            if (speed < KeptShare * _promised) Pause *= 2;
            else if (now - moved >= CalmPauses * Pause) Pause = LeastPause;
        }

        (_wanted, _moved, _promised) = (null, now, best);
        return true;
    }
}
