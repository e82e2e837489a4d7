using System.Diagnostics;
using System.Diagnostics.Metrics;
using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// The time from the moment at which a coordinator must raise a new epoch until all stages follow it with whole caches, in parts. A part that is tried
/// again is counted with the pauses between.
/// </summary>
internal sealed partial class Recovery
{
    private static readonly Histogram<double> s_duration =
        ClusterTelemetry.CreateSeconds("dgpt.recovery.duration", "From the decision to raise the epoch until all stages follow it with whole caches, in parts and in total.");

    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly ReplicaKey _replica;
    private readonly ILogger _logger;
    private readonly SortedSet<int> _rebuilt = [];
    private long _last;
    private int _rows;

    /// <summary>A recovery begins.</summary>
    /// <param name="replica">What recovers.</param>
    /// <param name="logger">Is told the parts at the end.</param>
    public Recovery(ReplicaKey replica, ILogger logger)
    {
        _replica = replica;
        _logger = logger;
        _last = _started;
    }

    /// <summary>Seeing who lives, finding places for lost layers and writing the replica's record.</summary>
    public TimeSpan Record { get; private set; }

    /// <summary>Loading the layers that were lost, and adopting all others.</summary>
    public TimeSpan Load { get; private set; }

    /// <summary>Attaching all stages.</summary>
    public TimeSpan Attach { get; private set; }

    /// <summary>Rebuilding lost caches.</summary>
    public TimeSpan Rebuild { get; private set; }

    /// <summary>All of it.</summary>
    public TimeSpan Total => Stopwatch.GetElapsedTime(_started, _last);

    /// <summary>The record is written.</summary>
    public void Recorded() => Record += Lap();

    /// <summary>All layers are loaded.</summary>
    public void Loaded() => Load += Lap();

    /// <summary>All stages follow.</summary>
    public void Attached() => Attach += Lap();

    /// <summary>Stages compute rows again to rebuild their caches.</summary>
    /// <param name="range">The stages.</param>
    /// <param name="rows">The rows.</param>
    public void Rebuilds(StageRange range, int rows)
    {
        for (int stage = range.First; stage < range.End; stage++) _rebuilt.Add(stage);
        _rows += rows;
    }

    /// <summary>All caches are whole: the recovery has ended.</summary>
    /// <param name="epoch">The epoch that the stages follow.</param>
    public void Rebuilt(long epoch)
    {
        Rebuild += Lap();
        Measure("record", Record);
        Measure("load", Load);
        Measure("attach", Attach);
        Measure("rebuild", Rebuild);
        Measure("total", Total);
        LogRecovered(
            _replica, epoch, Total.TotalMilliseconds, Record.TotalMilliseconds, Load.TotalMilliseconds, Attach.TotalMilliseconds, Rebuild.TotalMilliseconds,
            _rebuilt.Count == 0 ? "no stage" : $"stages {string.Join(", ", _rebuilt)}", _rows);

        void Measure(string part, TimeSpan elapsed) => s_duration.Record(elapsed.TotalSeconds, ClusterTelemetry.Tags(_replica, ("part", part)));
    }

    private TimeSpan Lap()
    {
        long now = Stopwatch.GetTimestamp();
        TimeSpan lap = Stopwatch.GetElapsedTime(_last, now);
        _last = now;
        return lap;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: serves again, in epoch {Epoch}, after {Total:F0} ms: record {Record:F0} ms, load {Load:F0} ms, attach {Attach:F0} ms, rebuild {Rebuild:F0} ms ({Stages}, {Rows} rows)")]
    private partial void LogRecovered(
        ReplicaKey replica, long epoch, double total, double record, double load, double attach, double rebuild, string stages, int rows);
}
