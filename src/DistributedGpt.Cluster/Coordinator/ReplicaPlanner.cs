using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>
/// Plans replicas for the silos that live, by their memory and their speed. What does not fit is refused with the numbers, before
/// anything is loaded.
/// </summary>
internal static class ReplicaPlanner
{
    /// <summary>Silos whose measured times differ by less are taken for equal: measurements of one machine differ by this much.</summary>
    private const double Noise = 1.25;

    /// <summary>Of a silo that has not measured any; all are alike then.</summary>
    private static readonly StepTimes Unmeasured = new([KeyValuePair.Create(1, 1.0)]);

    /// <summary>Plans replicas, stages and cache.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="model">How it is to be served.</param>
    /// <param name="silos">The silos; the plan counts these.</param>
    /// <exception cref="InsufficientMemoryException">The model does not fit; the message has the numbers.</exception>
    public static ClusterPlan Plan(ModelFolder folder, ModelSpec model, IReadOnlyList<SiloOffer> silos)
    {
        try
        {
            return ClusterPlanner.Plan(Request(folder, model, silos));
        }
        catch (InsufficientMemoryException e)
        {
            throw new InsufficientMemoryException($"{folder.Path}: {e.Message}");
        }
    }

    /// <summary>What the planner must know of a model and the silos.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="model">How it is to be served.</param>
    /// <param name="silos">The silos; a plan counts these.</param>
    public static PlanningRequest Request(ModelFolder folder, ModelSpec model, IReadOnlyList<SiloOffer> silos)
    {
        ModelConfig config = folder.Config;
        StepTimes[] times = WithoutNoise([.. silos.Select(silo => silo.Capacity.SampleTimes ?? Unmeasured)]);
        double layers = new ParameterCounts(config).Layer.Total / (double)SampleLayer.Weights;
        return new PlanningRequest
        {
            Model = ShapeOf(folder, model),
            Silos = [.. silos.Select((silo, i) =>
                new SiloResources(silo.Name, silo.Capacity.Device, silo.Capacity.FreeBytes, times[i].Scale(layers), PartBytes.Factor(folder, silo.Capacity.WeightType)))],
            KvBlocks = KvCacheSize.Blocks(model.KvTokens, config.ContextLength),
            LeastKvBlocks = KvCacheSize.LeastBlocks(model.KvTokens, config.ContextLength),
            Replicas = model.Replicas,
        };
    }

    /// <summary>
    /// Gives the stages of silos that are gone to those that live; all others stay where they are, with their caches. A silo that
    /// came back under the name of a lost one takes its stages again; else the one that would be done with them first does.
    /// </summary>
    /// <param name="folder">The model.</param>
    /// <param name="record">The replica as it was planned.</param>
    /// <param name="living">The silos that live.</param>
    /// <exception cref="InsufficientMemoryException">No silo has room for a stage; the message has the numbers.</exception>
    public static ReplicaRecord Replace(ModelFolder folder, ReplicaRecord record, SiloOffer[] living)
    {
        var stages = new PlanStage[record.Plan.Stages.Length];
        long[] free = [.. living.Select(silo => silo.Capacity.FreeBytes)];
        int[] layers = [.. living.Select(silo => record.Plan.Stages.Where(stage => record.SiloOf(stage).Equals(silo.Address)).Sum(stage => stage.LayerCount))];
        for (int i = 0; i < stages.Length; i++)
        {
            PlanStage stage = record.Plan.Stages[i];
            int place = Array.FindIndex(living, silo => silo.Address.Equals(record.SiloOf(stage)));
            if (place < 0)
            {
                string name = record.NameOf(stage);
                int[] fitting = [.. Enumerable.Range(0, living.Length).Where(silo => BytesOn(living[silo]) <= free[silo])];
                if (fitting.Length == 0)
                {
                    throw new InsufficientMemoryException(
                        $"{record.Model.Name}: memory: layers {stage.FirstLayer} to {stage.EndLayer - 1} are on {name}; expected a silo with " +
                        $"{(living.Length == 0 ? 0 : living.Min(BytesOn)):N0} free bytes, found {string.Join(", ", living.Select((silo, place) => $"{silo.Name} with {free[place]:N0}"))}");
                }

                place = fitting.OrderByDescending(silo => living[silo].Name == name).ThenBy(TimeOn).ThenByDescending(silo => free[silo]).First();
                free[place] -= BytesOn(living[place]);
                layers[place] += stage.LayerCount;
            }

            stages[i] = stage with { Silo = place };

            double TimeOn(int silo) => (layers[silo] + stage.LayerCount) * (living[silo].Capacity.SampleTimes ?? Unmeasured).Milliseconds(ClusterPlanner.FullLoad);

            long BytesOn(SiloOffer silo) => WeightBytes(stage, folder, silo.Capacity.WeightType) +
                stage.LayerCount * new KvCacheOptions(record.KvBlocks, record.Model.KvType).BytesFor(folder.Config) +
                (stage.Head ? 0 : BorderLog.BytesFor(record.KvBlocks, folder.Config.HiddenSize));
        }

        return record with
        {
            Plan = new StagePlan(stages),
            Silos = Array.ConvertAll(living, silo => silo.Address),
            SiloNames = Array.ConvertAll(living, silo => silo.Name),
        };
    }

    private static ModelShape ShapeOf(ModelFolder folder, ModelSpec model)
    {
        var none = new KvCacheOptions(0);
        long kvBytes = new KvCacheOptions(1, model.KvType).BytesFor(folder.Config);
        long Bytes(PartKind kind, int layer = 0) => PartBytes.Of(new PartKey(default, kind, layer), folder, none, null);
        return new ModelShape
        {
            Layers = [.. Enumerable.Range(0, folder.Config.LayerCount).Select(layer => new LayerShape(Bytes(PartKind.Layer, layer), kvBytes))],
            Embedding = new PartShape(Bytes(PartKind.Embedding), 0),
            Head = new PartShape(Bytes(PartKind.Head), ModelShape.HeadWork(folder.Config)),
            BorderBytesPerToken = (long)folder.Config.HiddenSize * sizeof(float),
        };
    }

    /// <summary>The times with those that are nearly alike made equal, so that noise does not cut equal silos' shares unevenly.</summary>
    private static StepTimes[] WithoutNoise(StepTimes[] times)
    {
        List<StepTimes> kinds = [];
        var result = new StepTimes[times.Length];
        foreach (int i in Enumerable.Range(0, times.Length).OrderBy(i => times[i].Milliseconds(ClusterPlanner.FullLoad)))
        {
            StepTimes? kind = kinds.Find(kind => IsNear(kind, times[i], 1) && IsNear(kind, times[i], ClusterPlanner.FullLoad));
            if (kind is null) kinds.Add(kind = times[i]);
            result[i] = kind;
        }

        return result;

        static bool IsNear(StepTimes a, StepTimes b, int tokens) =>
            Math.Max(a.Milliseconds(tokens), b.Milliseconds(tokens)) < Noise * Math.Min(a.Milliseconds(tokens), b.Milliseconds(tokens));
    }

    private static long WeightBytes(PlanStage stage, ModelFolder folder, TensorType? weightType)
    {
        var none = new KvCacheOptions(0);
        return PartKey.OfStage(default, stage).Sum(part => PartBytes.Of(part, folder, none, weightType));
    }
}
