using System.Diagnostics;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// Tells the model's grain how busy a replica is: a few times a second while that changes, else now and then, so that nobody need
/// ask for each request, and a grain that was made anew soon knows. It also knows how many tokens per second there were lately.
/// </summary>
/// <param name="replica">The replica.</param>
/// <param name="grains">Finds the model's grain.</param>
internal sealed class LoadReporter(ReplicaKey replica, IGrainFactory grains)
{
    private const int TicksToRenew = 10, TicksOfSpeed = 25;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly Queue<(long Time, long Tokens)> _history = new();
    private ReplicaLoad _told;
    private int _ticks;

    /// <summary>Tokens generated per second, in the last five seconds.</summary>
    public double TokensPerSecond { get; private set; }

    /// <summary>Reports until it is cancelled.</summary>
    /// <param name="observe">What the replica is doing; null where it is not loaded.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(Func<(CoordinatorState State, SchedulerStatus Scheduler)?> observe, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Tick);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            if (observe() is not var (state, scheduler)) continue;
            Measure(scheduler.TokensGenerated);
            var load = new ReplicaLoad(state.Serves(), scheduler.Running + scheduler.Waiting);
            if (load == _told && ++_ticks < TicksToRenew) continue;
            (_told, _ticks) = (load, 0);
            await TellAsync(load);
        }
    }

    private void Measure(long tokens)
    {
        _history.Enqueue((Stopwatch.GetTimestamp(), tokens));
        if (_history.Count > TicksOfSpeed) _history.Dequeue();
        (long since, long before) = _history.Peek();
        double seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
        TokensPerSecond = _history.Count > 1 ? (tokens - before) / seconds : 0;
    }

    private async Task TellAsync(ReplicaLoad load)
    {
        try
        {
            await grains.GetGrain<IModelControl>(replica.Model).Report(replica.Index, load);
        }
        catch (OrleansException)
        {
            // The grain's silo was lost; its successor hears the next report.
        }
    }
}
