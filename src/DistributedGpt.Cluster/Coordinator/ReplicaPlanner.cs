using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>
/// Plans a replica for silos of equal strength: layers spread evenly, as many cache blocks as asked for or as fit. What does not
/// fit is refused with the numbers, before anything is loaded.
/// </summary>
internal static class ReplicaPlanner
{
    private const int DefaultExtraTokens = 8 * 1024;

    /// <summary>Plans stages and cache.</summary>
    /// <returns>The stages, the blocks of every layer's cache, and the bytes of all parts.</returns>
    /// <exception cref="InsufficientMemoryException">A silo is too small; the message says which and by how much.</exception>
    public static (StagePlan Plan, int Blocks, long Bytes) Plan(ModelFolder folder, ModelSpec model, SiloCapacity[] silos)
    {
        ModelConfig config = folder.Config;
        StagePlan plan = StageSplitter.Split(config.LayerCount, silos.Length);
        int wanted = Blocks(model.KvTokens ?? config.ContextLength + DefaultExtraTokens);
        int least = model.KvTokens is null ? Blocks(config.ContextLength) : wanted;

        long bytes = 0;
        foreach (PlanStage stage in plan.Stages)
        {
            SiloCapacity silo = silos[stage.Silo];
            long weights = WeightBytes(stage, folder, silo.WeightType);
            long perBlock = stage.LayerCount * new KvCacheOptions(1, model.KvType).BytesFor(config);
            long fitting = (silo.FreeBytes - weights) / perBlock;
            if (fitting < least)
            {
                throw new InsufficientMemoryException(
                    $"{folder.Path}: memory: expected at least {weights + least * perBlock:N0} bytes on each of {silos.Length} silos " +
                    $"({weights:N0} for weights, {least * perBlock:N0} for {least * StepBatch.BlockSize:N0} tokens of KV cache), found {silo.FreeBytes:N0} free");
            }

            wanted = (int)Math.Min(wanted, fitting);
            bytes += weights;
        }

        return (plan, wanted, bytes + config.LayerCount * new KvCacheOptions(wanted, model.KvType).BytesFor(config));
    }

    private static int Blocks(int tokens) => (tokens + StepBatch.BlockSize - 1) / StepBatch.BlockSize;

    private static long WeightBytes(PlanStage stage, ModelFolder folder, TensorType? weightType)
    {
        var none = new KvCacheOptions(0);
        return PartKey.OfStage(default, stage).Sum(part => PartBytes.Of(part, folder, none, weightType));
    }
}
