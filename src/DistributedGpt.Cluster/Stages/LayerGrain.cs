using DistributedGpt.Engine;
using Orleans.Concurrency;
using Orleans.Placement;

namespace DistributedGpt.Cluster;

/// <summary>
/// A decoder layer's grain: the layer grain owns, the stage executes. On the hot path a stage costs one call and one item in the
/// compute lane. The grain is reentrant, so several steps are under way in every stage; the lane and the step numbers order them.
/// <para>
/// A border between two stages is a <see cref="Frame"/> in a call to the next stage's first layer; the call returns when the step
/// has passed all stages behind it, so the chain's return is the acknowledgement and carries refusals and exceptions back. The
/// sampled tokens do not take that way: the last stage hands them straight to the coordinator, and returns only when it has them.
/// </para>
/// <para>
/// Crash case: a call that fails says nothing about where the step ran. The coordinator attaches anew before it schedules
/// anything else; the buffer of a frame whose call failed may still be in a queue and is left to the collector.
/// </para>
/// </summary>
[KeepAlive, Immovable, Reentrant, PlannedPlacement]
internal sealed class LayerGrain(SiloStore store, ILocalSiloDetails silo, PartLoader loader)
    : PartGrain(PartKind.Layer, store, silo, loader), ILayerGrain
{
    public Task<AttachReply> Attach(StageSpec stage, long epoch) => Store.Replica(Key.Replica).AttachAsync(stage, epoch);

    public async Task<StageRefusal?> Execute(StepMessage step)
    {
        ReplicaStore replica = Store.Replica(Key.Replica);
        StageOutput output = await replica.RunAsync(step);
        if (output.Refusal is not null) return output.Refusal;
        if (output.Tokens is not null)
        {
            var coordinator = GrainFactory.GetGrain<ICoordinatorControl>(Key.Replica.ToString());
            await coordinator.Completed(step.Batch.Epoch, step.Batch.Number, output.Tokens);
            return null;
        }

        Frame frame = output.Hidden!;
        PartKey next = Key with { Layer = output.NextLayer };
        StageRefusal? refusal = await GrainFactory.GetGrain<ILayerGrain>(next.GrainKey).Execute(new StepMessage(step.Batch, step.Stage + 1, frame, step.TraceParent));
        frame.Release();
        return refusal;
    }
}
