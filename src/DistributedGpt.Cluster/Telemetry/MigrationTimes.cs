using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>The time that a migration takes, in parts: those while its sources serve, and those while serving stands still.</summary>
internal sealed partial class MigrationTimes
{
    private static readonly Histogram<double> s_duration =
        ClusterTelemetry.CreateSeconds("dgpt.migration.duration", "Migrations of parts to other silos, in parts; serving stands still in all but the first.");

    private static readonly Counter<long> s_ended =
        ClusterTelemetry.Meter.CreateCounter<long>("dgpt.migrations", "{migration}", "Migrations, committed and given up.");

    private readonly List<(string Part, TimeSpan Time)> _parts = [];
    private readonly ReplicaKey _replica;
    private readonly long _epoch;
    private readonly ILogger _logger;
    private long _last = Stopwatch.GetTimestamp();

    /// <summary>A migration begins.</summary>
    /// <param name="replica">What moves.</param>
    /// <param name="epoch">The epoch under which it begins.</param>
    /// <param name="logger">Is told the parts.</param>
    public MigrationTimes(ReplicaKey replica, long epoch, ILogger logger)
    {
        (_replica, _epoch, _logger) = (replica, epoch, logger);
        LogBegins(replica, epoch);
    }

    /// <summary>Weights and full blocks are copied.</summary>
    public void Copied() => Lap("copy");

    /// <summary>No step is in flight any more.</summary>
    public void Drained() => Lap("drain");

    /// <summary>The copies are complete.</summary>
    public void Finished() => Lap("finish");

    /// <summary>The record has the new plan: the commit point.</summary>
    public void Recorded() => Lap("record");

    /// <summary>All stages follow.</summary>
    public void Attached() => Lap("attach");

    /// <summary>It has ended.</summary>
    /// <param name="error">Null, or why it was given up.</param>
    public void Ended(string? error)
    {
        s_ended.Add(1, ClusterTelemetry.Tags(_replica, ("result", error is null ? "committed" : "given_up")));
        string parts = string.Join(", ", _parts.Select(part => $"{part.Part} {part.Time.TotalMilliseconds:F0} ms"));
        if (error is not null)
        {
            LogGivenUp(_replica, error, parts);
            return;
        }

        TimeSpan pause = _parts.Skip(1).Aggregate(TimeSpan.Zero, (sum, part) => sum + part.Time);
        foreach ((string part, TimeSpan time) in _parts.Append(("pause", pause))) s_duration.Record(time.TotalSeconds, ClusterTelemetry.Tags(_replica, ("part", part)));
        LogMigrated(_replica, pause.TotalMilliseconds, parts);
    }

    private void Lap(string part)
    {
        long now = Stopwatch.GetTimestamp();
        TimeSpan time = Stopwatch.GetElapsedTime(_last, now);
        _parts.Add((part, time));
        _last = now;
        LogPart(_replica, _epoch, part, time.TotalMilliseconds);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Replica}: migration from epoch {Epoch}: {Part} took {Time:F0} ms")]
    private partial void LogPart(ReplicaKey replica, long epoch, string part, double time);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Replica}: migration from epoch {Epoch}: copying begins")]
    private partial void LogBegins(ReplicaKey replica, long epoch);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: migrated with a pause of {Pause:F0} ms: {Parts}")]
    private partial void LogMigrated(ReplicaKey replica, double pause, string parts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: a migration was given up: {Error} ({Parts})")]
    private partial void LogGivenUp(ReplicaKey replica, string error, string parts);
}
