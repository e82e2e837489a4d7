namespace DistributedGpt.Simulation.Tests;

/// <summary>Virtual time in milliseconds, and what is to happen when; events at the same time keep their order.</summary>
internal sealed class VirtualTime
{
    private readonly PriorityQueue<Action, (double, long)> _events = new();
    private long _count;

    public double Now { get; private set; }

    public long EventsRun { get; private set; }

    public void After(double delay, Action action) => _events.Enqueue(action, (Now + delay, _count++));

    /// <summary>Runs the next event, if it is due before <paramref name="end"/>.</summary>
    public bool Step(double end)
    {
        if (!_events.TryPeek(out Action? action, out (double Time, long) due) || due.Time > end) return false;
        _events.Dequeue();
        Now = due.Time;
        EventsRun++;
        action();
        return true;
    }
}
