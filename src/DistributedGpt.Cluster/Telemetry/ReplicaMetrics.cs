using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// What a replica's scheduler holds and has done. Only the coordinator that has the replica reports it: when the coordinator ends
/// here, so do its figures.
/// </summary>
internal sealed class ReplicaMetrics : IDisposable
{
    private static readonly ConcurrentDictionary<ReplicaMetrics, bool> s_all = new();

    private static readonly ObservableGauge<int> s_sequences =
        ClusterTelemetry.Meter.CreateObservableGauge("dgpt.sequences", () => Collect(each => each.Sequences()), "{sequence}", "Sequences that run, and that wait in the queue.");

    private readonly Lock _gate = new();
    private readonly KeyValuePair<string, object?>[] _tags;
    private readonly KeyValuePair<string, object?>[] _running, _waiting, _inUse, _cached, _free;
    private SchedulerStatus? _status;

    static ReplicaMetrics()
    {
        Meter meter = ClusterTelemetry.Meter;
        meter.CreateObservableGauge("dgpt.kv.blocks", () => Collect(each => each.Blocks()), "{block}", "Blocks of the KV cache: in use, kept for the prefix cache, free.");
        meter.CreateObservableCounter("dgpt.tokens", () => Collect(each => each.Total(status => status.TokensGenerated)), "{token}", "Tokens generated.");
        meter.CreateObservableCounter("dgpt.rows", () => Collect(each => each.Total(status => status.Rows)), "{row}", "Rows scheduled, those computed again among them.");
        meter.CreateObservableCounter("dgpt.rows.saved", () => Collect(each => each.Total(status => status.RowsSaved)), "{row}", "Rows that the prefix cache saved.");
        meter.CreateObservableCounter("dgpt.preemptions", () => Collect(each => each.Total(status => status.Preemptions)), "{preemption}", "Sequences that gave their blocks back to an older one.");
    }

    /// <summary>Begins to report a replica.</summary>
    public ReplicaMetrics(ReplicaKey replica)
    {
        _tags = ClusterTelemetry.Tags(replica);
        _running = ClusterTelemetry.Tags(replica, ("state", "running"));
        _waiting = ClusterTelemetry.Tags(replica, ("state", "waiting"));
        _inUse = ClusterTelemetry.Tags(replica, ("state", "in_use"));
        _cached = ClusterTelemetry.Tags(replica, ("state", "cached"));
        _free = ClusterTelemetry.Tags(replica, ("state", "free"));
        s_all[this] = true;
    }

    /// <summary>Notes how the scheduler stands; it may be read by its coordinator alone, and the collecting happens elsewhere.</summary>
    public void Observe(Scheduler scheduler)
    {
        if (!s_sequences.Enabled) return;
        SchedulerStatus status = scheduler.Status;
        lock (_gate) _status = status;
    }

    /// <summary>Ends the reporting.</summary>
    public void Dispose() => s_all.TryRemove(this, out _);

    private static IEnumerable<Measurement<T>> Collect<T>(Func<ReplicaMetrics, IEnumerable<Measurement<T>>> of)
        where T : struct => s_all.Keys.SelectMany(of);

    private IEnumerable<Measurement<int>> Sequences() => Read() is { } status
        ? [new(status.Running, _running), new(status.Waiting, _waiting)]
        : [];

    private IEnumerable<Measurement<int>> Blocks() => Read() is { } status
        ? [new(status.BlocksInUse, _inUse), new(status.BlocksCached, _cached), new(status.Blocks - status.BlocksInUse - status.BlocksCached, _free)]
        : [];

    private IEnumerable<Measurement<long>> Total(Func<SchedulerStatus, long> of) => Read() is { } status ? [new(of(status), _tags)] : [];

    private SchedulerStatus? Read()
    {
        lock (_gate) return _status;
    }
}
