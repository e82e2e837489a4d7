using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DistributedGpt.Cluster.Tests;

/// <summary>Hears what silos of this process tell of one model while it lives.</summary>
internal sealed class Listening : IDisposable
{
    private readonly ConcurrentBag<(string Instrument, double Value, Dictionary<string, object?> Tags)> _measurements = [];
    private readonly ConcurrentQueue<Activity> _activities = new();
    private readonly MeterListener _meters = new();
    private readonly ActivityListener _source;
    private readonly string _model;

    public Listening(string model)
    {
        _model = model;
        _meters.InstrumentPublished = (instrument, meters) =>
        {
            if (instrument.Meter == ClusterTelemetry.Meter) meters.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<double>(Hear);
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, state) => Hear(instrument, value, tags, state));
        _meters.SetMeasurementEventCallback<int>((instrument, value, tags, state) => Hear(instrument, value, tags, state));
        _meters.Start();
        _source = new ActivityListener
        {
            ShouldListenTo = source => source == ClusterTelemetry.Activities,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _activities.Enqueue,
        };
        ActivitySource.AddActivityListener(_source);
    }

    /// <summary>The activities that have ended, in the order of their ends.</summary>
    public IReadOnlyList<Activity> Activities => [.. _activities];

    /// <summary>The values of an instrument with those tags, as they are <c>name=value</c>.</summary>
    public double[] Values(string instrument, params string[] tags) =>
        [.. _measurements.Where(each => each.Instrument == instrument && tags.All(tag => tag.Split('=') is [var name, var value] && value.Equals(each.Tags.GetValueOrDefault(name)))).Select(each => each.Value)];

    /// <summary>Asks the instruments that answer only when asked.</summary>
    public void Collect() => _meters.RecordObservableInstruments();

    public void Dispose()
    {
        _meters.Dispose();
        _source.Dispose();
    }

    private void Hear(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        Dictionary<string, object?> named = new(tags.ToArray());
        if (named.GetValueOrDefault("model", _model) is string model && model == _model) _measurements.Add((instrument.Name, value, named));
    }
}
