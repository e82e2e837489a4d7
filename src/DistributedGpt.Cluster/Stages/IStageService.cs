using DistributedGpt.Engine;
using Orleans.Services;

namespace DistributedGpt.Cluster;

/// <summary>
/// Runs the stages that a silo has, for all replicas. It is reached by the silo's address, which the plan names: a stage that a new
/// epoch puts elsewhere is there with its parts, and neither a directory nor a placement must learn of it first.
/// </summary>
internal interface IStageService : IGrainService
{
    /// <summary>Attaches a stage under an epoch: a barrier in the compute lane.</summary>
    /// <param name="stage">The stage, whose parts are loaded or were copied.</param>
    /// <param name="epoch">The epoch.</param>
    /// <param name="migration">The migration that the replica's record names: its copies become parts of the stage.</param>
    [ResponseTimeout("00:01:00")]
    Task<AttachReply> Attach(StageSpec stage, long epoch, Guid migration);

    /// <summary>
    /// Takes a step through a stage, and all that follow. Returns when every stage has run it and the coordinator has the tokens; a
    /// step that rebuilds caches goes through its <see cref="StepBatch.Rebuild"/> only.
    /// </summary>
    /// <returns>Null, or the refusal of a stage, behind which nothing ran.</returns>
    [ResponseTimeout("01:00:00")]
    Task<StageRefusal?> Execute(ReplicaKey replica, StepMessage step);
}
