using Orleans;

namespace DistributedGpt.Engine;

/// <summary>
/// Stages that have to rebuild their caches, and what comes into the first of them: the rows that the stage before has logged, or
/// where there is none the embedding of the ids.
/// </summary>
/// <param name="First">The first stage that computes.</param>
/// <param name="End">The stage after the last one.</param>
[GenerateSerializer, Immutable]
public sealed record StageRange([property: Id(0)] int First, [property: Id(1)] int End)
{
    /// <summary>The stage into which a step is sent: the one that has the log, or the first of all.</summary>
    public int Entry => Math.Max(0, First - 1);
}
