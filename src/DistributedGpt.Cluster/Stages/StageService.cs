using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>
/// The layer grain owns, the stage executes: on the hot path a stage costs one call and one item in the compute lane. The service
/// is reentrant, so several steps are under way in every stage; the lane and the step numbers order them.
/// <para>
/// A border between two stages is a <see cref="Frame"/> in a call to the next stage's silo; the call returns when the step has
/// passed all stages behind it, so the chain's return is the acknowledgement and carries refusals and exceptions back. The sampled
/// tokens do not take that way: the last stage hands them straight to the coordinator, and returns only when it has them.
/// </para>
/// <para>
/// Crash case: a call that fails says nothing about where the step ran. The coordinator attaches anew before it schedules
/// anything else; the buffer of a frame whose call failed may still be in a queue and is left to the collector.
/// </para>
/// </summary>
[Reentrant]
internal sealed class StageService(GrainId id, Silo silo, ILoggerFactory loggers, SiloStore store, StageServices stages, IGrainFactory grains)
    : GrainService(id, silo, loggers), IStageService
{
    public Task<AttachReply> Attach(StageSpec stage, long epoch, Guid migration) => store.Replica(stage.Replica).AttachAsync(stage, epoch, migration);

    public async Task<StageRefusal?> Execute(ReplicaKey replica, StepMessage step)
    {
        StageOutput output = await store.Replica(replica).RunAsync(step);
        if (output.Refusal is not null) return output.Refusal;
        if (output.Tokens is not null)
        {
            await grains.GetGrain<ICoordinatorControl>(replica.ToString()).Completed(step.Batch.Epoch, step.Batch.Number, output.Tokens);
            return null;
        }

        if (output.Hidden is not { } frame) return null;
        StageRefusal? refusal = await stages[output.Next!].Execute(replica, new StepMessage(step.Batch, step.Stage + 1, frame, step.TraceParent));
        frame.Release();
        return refusal;
    }
}
