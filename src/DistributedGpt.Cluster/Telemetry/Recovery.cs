using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DistributedGpt.Cluster;

/// <summary>
/// The time from the moment at which a coordinator must raise a new epoch until all stages follow it, in parts. A part that is tried
/// again is counted with the pauses between.
/// </summary>
internal sealed class Recovery
{
    private static readonly Histogram<double> s_duration =
        ClusterTelemetry.CreateSeconds("dgpt.recovery.duration", "From the decision to raise the epoch until all stages follow it, in parts and in total.");

    private readonly long _started = Stopwatch.GetTimestamp();
    private long _last;

    /// <summary>A recovery begins.</summary>
    public Recovery() => _last = _started;

    /// <summary>Seeing who lives, finding places for lost layers and writing the replica's record.</summary>
    public TimeSpan Record { get; private set; }

    /// <summary>Loading the layers that were lost, and adopting all others.</summary>
    public TimeSpan Load { get; private set; }

    /// <summary>Attaching all stages.</summary>
    public TimeSpan Attach { get; private set; }

    /// <summary>All of it.</summary>
    public TimeSpan Total => Stopwatch.GetElapsedTime(_started, _last);

    /// <summary>The record is written.</summary>
    public void Recorded() => Record += Lap();

    /// <summary>All layers are loaded.</summary>
    public void Loaded() => Load += Lap();

    /// <summary>All stages follow: the recovery has ended.</summary>
    public void Attached(ReplicaKey replica)
    {
        Attach += Lap();
        Measure("record", Record);
        Measure("load", Load);
        Measure("attach", Attach);
        Measure("total", Total);

        void Measure(string part, TimeSpan elapsed) => s_duration.Record(elapsed.TotalSeconds, ClusterTelemetry.Tags(replica, ("part", part)));
    }

    private TimeSpan Lap()
    {
        long now = Stopwatch.GetTimestamp();
        TimeSpan lap = Stopwatch.GetElapsedTime(_last, now);
        _last = now;
        return lap;
    }
}
