using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DistributedGpt.Cluster;

/// <summary>The meter and the source of activities of everything that silos tell of themselves. Without a listener they cost nothing.</summary>
internal static class ClusterTelemetry
{
    private const string Name = "DistributedGpt.Cluster";

    /// <summary>The meter.</summary>
    public static Meter Meter { get; } = new(Name);

    /// <summary>The source of activities.</summary>
    public static ActivitySource Activities { get; } = new(Name);

    /// <summary>A histogram of seconds, from half a millisecond to half a minute.</summary>
    public static Histogram<double> CreateSeconds(string name, string description) => Meter.CreateHistogram(
        name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30] });

    /// <summary>The tags that tell a replica's measurements from those of others.</summary>
    public static KeyValuePair<string, object?>[] Tags(ReplicaKey replica, params ReadOnlySpan<(string Name, string Value)> more)
    {
        var tags = new KeyValuePair<string, object?>[2 + more.Length];
        tags[0] = new("model", replica.Model);
        tags[1] = new("replica", $"{replica.Index}");
        for (int i = 0; i < more.Length; i++) tags[2 + i] = new(more[i].Name, more[i].Value);
        return tags;
    }
}
