namespace DistributedGpt.Cli;

/// <summary>A replica of a <see cref="PlanJson"/>.</summary>
/// <param name="Stages">Its stages in the order of the layers.</param>
internal sealed record PlanReplicaJson(PlanStageJson[] Stages);
