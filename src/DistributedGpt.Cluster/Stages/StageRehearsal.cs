using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>
/// Attaches a stage of a <see cref="SampleLayer"/> and takes a step through it, before the silo joins. Otherwise the code of both
/// would be compiled when a replica first attaches here, which in a migration or a recovery all its streams would wait for.
/// </summary>
internal static class StageRehearsal
{
    /// <summary>Leaves nothing behind.</summary>
    public static async Task RunAsync(ComputeDevice device)
    {
        var weights = new SampleLayer();
        var replica = new ReplicaKey(weights.Source, 0);
        var store = new ReplicaStore(device, new SiloMemory(long.MaxValue));
        var stage = new StageSpec(replica, 0, new PlanStage(0, 0, 1, Embedding: false, Head: false), SiloAddress.Zero, null, weights.Config.HiddenSize, KvBlocks: 1);
        ILayerRuntime layer = await device.Lane.RunAsync(() => device.Backend.LoadLayer(weights, 0, new KvCacheOptions(1)));
        store.Add(new LoadedPart(new PartKey(replica, PartKind.Layer, 0), layer, Incarnation: 1, Bytes: 0));
        await store.AttachAsync(stage, epoch: 1, Guid.Empty);
        var step = new StepBatch
        {
            Epoch = 1,
            Number = 0,
            Sequences = [new StepSequence { Id = new SequenceId(Guid.Empty, 0), TokenIds = [0], FirstPosition = 0, BlockTable = [0] }],
        };
        var hidden = new Frame(1, weights.Config.HiddenSize, received: true);
        hidden.Bytes.Clear();
        StageOutput output = await store.RunAsync(new StepMessage(step, 0, hidden));
        output.Hidden?.Release();
        await device.Lane.RunAsync(store.Release);
    }
}
