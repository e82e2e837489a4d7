using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>A replica of a model.</summary>
/// <param name="Index">Its number, from 0.</param>
/// <param name="State">What its coordinator is doing.</param>
/// <param name="Coordinator">The name of the silo where its coordinator is.</param>
/// <param name="Epoch">How often it was attached.</param>
/// <param name="Stages">Its stages, in the order of their layers.</param>
/// <param name="Scheduler">Its requests and blocks.</param>
/// <param name="TokensPerSecond">Tokens that it generated per second in the last few seconds.</param>
[GenerateSerializer, Immutable]
public sealed record ReplicaReport(
    [property: Id(0)] int Index,
    [property: Id(1)] CoordinatorState State,
    [property: Id(2)] string Coordinator,
    [property: Id(3)] long Epoch,
    [property: Id(4)] StageReport[] Stages,
    [property: Id(5)] SchedulerStatus Scheduler,
    [property: Id(6)] double TokensPerSecond);
