using System.Diagnostics;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// The trace of a step: an activity of its coordinator with one of each stage below it. A step serves many requests, so it begins
/// a trace of its own; who listens decides which steps are traced.
/// </summary>
internal static class StepActivity
{
    /// <summary>A step sets out.</summary>
    /// <returns>The activity, or null where the step is not traced.</returns>
    public static Activity? Start(ReplicaKey replica, StepBatch step)
    {
        if (!ClusterTelemetry.Activities.HasListeners()) return null;
        Activity.Current = null;
        return ClusterTelemetry.Activities.StartActivity("step")?
            .SetTag("dgpt.model", replica.Model)
            .SetTag("dgpt.replica", replica.Index)
            .SetTag("dgpt.epoch", step.Epoch)
            .SetTag("dgpt.step", step.Number)
            .SetTag("dgpt.rows", step.RowCount)
            .SetTag("dgpt.sequences", step.Sequences.Length);
    }

    /// <summary>What stages must be told to continue the trace; null where it is not recorded.</summary>
    public static string? TraceParent(Activity? step) => step is { Recorded: true } ? step.Id : null;

    /// <summary>A stage computes a step.</summary>
    /// <returns>The activity, or null where the step is not traced.</returns>
    public static Activity? Start(StageSpec stage, StepMessage step, TimeSpan wait)
    {
        if (step.TraceParent is null || !ActivityContext.TryParse(step.TraceParent, null, isRemote: true, out ActivityContext parent)) return null;
        return ClusterTelemetry.Activities.StartActivity("stage", ActivityKind.Internal, parent)?
            .SetTag("dgpt.stage", stage.Index)
            .SetTag("dgpt.first_layer", stage.Stage.FirstLayer)
            .SetTag("dgpt.layers", stage.Stage.LayerCount)
            .SetTag("dgpt.wait", wait.TotalSeconds);
    }
}
