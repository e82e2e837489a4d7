using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DistributedGpt.Cluster;

/// <summary>The steps of a stage, as its silo sees them.</summary>
/// <param name="stage">The stage.</param>
internal sealed class StageMetrics(StageSpec stage)
{
    private static readonly Histogram<double> s_duration =
        ClusterTelemetry.CreateSeconds("dgpt.stage.duration", "Computing a step in a stage.");

    private static readonly Histogram<double> s_wait =
        ClusterTelemetry.CreateSeconds("dgpt.stage.wait", "From a step's arrival in a stage until it is computed.");

    private static readonly Counter<long> s_borderBytes =
        ClusterTelemetry.Meter.CreateCounter<long>("dgpt.border", "By", "Hidden states handed to the next stage.");

    private readonly KeyValuePair<string, object?>[] _tags = ClusterTelemetry.Tags(stage.Replica, ("stage", $"{stage.Index}"));

    /// <summary>The stage has computed a step.</summary>
    /// <param name="arrived">When it came, as a <see cref="Stopwatch"/>'s timestamp.</param>
    /// <param name="started">When the computing began.</param>
    /// <param name="output">What came of it.</param>
    public void Computed(long arrived, long started, StageOutput output)
    {
        s_wait.Record(Stopwatch.GetElapsedTime(arrived, started).TotalSeconds, _tags);
        s_duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, _tags);
        if (output.Hidden is { } frame) s_borderBytes.Add(frame.ByteCount, _tags);
    }
}
