using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>What a stage must know of the plan to run its steps.</summary>
/// <param name="Replica">The replica.</param>
/// <param name="Index">The stage's index.</param>
/// <param name="Stage">Its layers.</param>
/// <param name="Silo">The silo that runs it.</param>
/// <param name="Next">The silo that runs the stage behind it; null behind the last.</param>
/// <param name="HiddenSize">Width of the residual stream.</param>
/// <param name="KvBlocks">Blocks of every layer's KV cache.</param>
[GenerateSerializer, Immutable]
public sealed record StageSpec(
    [property: Id(0)] ReplicaKey Replica,
    [property: Id(1)] int Index,
    [property: Id(2)] PlanStage Stage,
    [property: Id(4)] SiloAddress Silo,
    [property: Id(5)] SiloAddress? Next,
    [property: Id(3)] int HiddenSize,
    [property: Id(6)] int KvBlocks);
