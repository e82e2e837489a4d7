using System.Diagnostics.Metrics;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>The steps of a replica, as its coordinator sees them.</summary>
/// <param name="replica">The replica.</param>
internal sealed class StepMetrics(ReplicaKey replica)
{
    private static readonly Histogram<double> s_duration =
        ClusterTelemetry.CreateSeconds("dgpt.step.duration", "From the first stage's call to the acknowledgement of all.");

    private static readonly Histogram<int> s_rows = CreateSizes("dgpt.step.rows", "{row}", "Rows of a step: decoded tokens and tokens of prompts.");

    private static readonly Histogram<int> s_sequences = CreateSizes("dgpt.step.sequences", "{sequence}", "Sequences of a step: the batch size.");

    private readonly KeyValuePair<string, object?>[] _tags = ClusterTelemetry.Tags(replica);

    /// <summary>A step has passed all stages.</summary>
    public void Passed(StepBatch step, TimeSpan elapsed)
    {
        s_duration.Record(elapsed.TotalSeconds, _tags);
        s_rows.Record(step.RowCount, _tags);
        s_sequences.Record(step.Sequences.Length, _tags);
    }

    private static Histogram<int> CreateSizes(string name, string unit, string description) => ClusterTelemetry.Meter.CreateHistogram(
        name, unit, description, advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] });
}
