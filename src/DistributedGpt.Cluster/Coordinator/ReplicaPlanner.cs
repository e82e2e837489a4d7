using DistributedGpt.Client;
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

    /// <summary>
    /// Gives the stages of silos that are gone to those that live; all others stay where they are, with their caches. A silo that
    /// came back under the name of a lost one takes its stages again; else the one with the most free memory does.
    /// </summary>
    /// <param name="folder">The model.</param>
    /// <param name="record">The replica as it was planned.</param>
    /// <param name="living">The silos that live.</param>
    /// <exception cref="InsufficientMemoryException">No silo has room for a stage; the message has the numbers.</exception>
    public static ReplicaRecord Replace(ModelFolder folder, ReplicaRecord record, IReadOnlyList<SiloOffer> living)
    {
        Dictionary<SiloAddress, long> free = living.ToDictionary(silo => silo.Address, silo => silo.Capacity.FreeBytes);
        List<SiloOffer> places = [.. living];
        var stages = new PlanStage[record.Plan.Stages.Length];
        for (int i = 0; i < stages.Length; i++)
        {
            PlanStage stage = record.Plan.Stages[i];
            int place = places.FindIndex(silo => silo.Address.Equals(record.SiloOf(stage)));
            if (place < 0)
            {
                string name = record.SiloNames[stage.Silo];
                SiloOffer chosen = places.OrderByDescending(silo => silo.Name == name).ThenByDescending(silo => free[silo.Address])
                    .FirstOrDefault(silo => BytesOn(silo) <= free[silo.Address])
                    ?? throw new InsufficientMemoryException(
                        $"{record.Model.Name}: memory: layers {stage.FirstLayer} to {stage.EndLayer - 1} are on {name}; expected a silo with " +
                        $"{(living.Count == 0 ? 0 : living.Min(BytesOn)):N0} free bytes, found {string.Join(", ", living.Select(silo => $"{silo.Name} with {free[silo.Address]:N0}"))}");
                free[chosen.Address] -= BytesOn(chosen);
                place = places.IndexOf(chosen);
            }

            stages[i] = stage with { Silo = place };

            long BytesOn(SiloOffer silo) => WeightBytes(stage, folder, silo.Capacity.WeightType) +
                stage.LayerCount * new KvCacheOptions(record.KvBlocks, record.Model.KvType).BytesFor(folder.Config);
        }

        return record with
        {
            Plan = new StagePlan(stages),
            Silos = [.. places.Select(silo => silo.Address)],
            SiloNames = [.. places.Select(silo => silo.Name)],
        };
    }

    private static int Blocks(int tokens) => (tokens + StepBatch.BlockSize - 1) / StepBatch.BlockSize;

    private static long WeightBytes(PlanStage stage, ModelFolder folder, TensorType? weightType)
    {
        var none = new KvCacheOptions(0);
        return PartKey.OfStage(default, stage).Sum(part => PartBytes.Of(part, folder, none, weightType));
    }
}
