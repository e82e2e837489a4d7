using CsCheck;

namespace DistributedGpt.Engine.Tests;

/// <summary>Random models, silos and networks for the planner; memory is short now and then.</summary>
internal static class PlanGenerators
{
    private static readonly Gen<StepTimes> Times =
        from one in Gen.Double[0.5, 4]
        from slope in Gen.Double[0, 0.5]
        select new StepTimes(new Dictionary<int, double> { [1] = one, [8] = one + 8 * slope, [64] = one + 64 * slope });

    private static readonly Gen<Link> Links = Gen.Select(Gen.Frequency((1, Gen.Const(0.0)), (2, Gen.Double[0, 5])), Gen.Double[1, 1000], (latency, speed) => new Link(latency, speed));

    /// <summary>Requests in which all layers and all links are alike.</summary>
    public static Gen<PlanningRequest> Uniform(int mostSilos, int mostLayers) =>
        from layers in Gen.Int[1, mostLayers]
        from layer in Gen.Select(Gen.Long[1, 100], Gen.Long[0, 5], Gen.Double[0.5, 2], (weights, kv, work) => new LayerShape(weights, kv, work))
        from request in Of(Enumerable.Repeat(layer, layers).ToArray(), mostSilos)
        from usual in Links
        select request with { Network = new SiloNetwork(usual) };

    /// <summary>Requests in which layers and links differ.</summary>
    public static Gen<PlanningRequest> Unlike(int mostSilos, int mostLayers) =>
        from layers in Gen.Select(Gen.Long[1, 100], Gen.Long[0, 5], Gen.Double[0.2, 3], (weights, kv, work) => new LayerShape(weights, kv, work)).Array[1, mostLayers]
        from request in Of(layers, mostSilos)
        from usual in Links
        from exceptions in Gen.Select(Gen.Int[0, mostSilos - 1], Gen.Int[0, mostSilos - 1], Links).Array[0, 6]
        select request with
        {
            Network = new SiloNetwork(usual, exceptions.Where(link => link.Item1 < link.Item2).DistinctBy(link => (link.Item1, link.Item2)).ToDictionary(link => (link.Item1, link.Item2), link => link.Item3)),
        };

    private static Gen<PlanningRequest> Of(LayerShape[] layers, int mostSilos) =>
        from embedding in Gen.Select(Gen.Long[0, 150], Gen.Frequency((1, Gen.Const(0.0)), (1, Gen.Double[0, 1])), (weights, work) => new PartShape(weights, work))
        from head in Gen.Select(Gen.Long[0, 150], Gen.Double[0, 4], (weights, work) => new PartShape(weights, work))
        from border in Gen.Long[1, 20]
        from blocks in Gen.Int[1, 10]
        from plenty in Gen.Double[0.2, 2]
        from silos in Gen.Select(Gen.Double[0, 1], Times, Gen.OneOf(Gen.Const(0.5), Gen.Const(1.0), Gen.Const(2.0))).Array[1, mostSilos]
        let model = new ModelShape { Layers = layers, Embedding = embedding, Head = head, BorderBytesPerToken = border }
        let all = (model.WeightBytes + (model.KvBytesPerBlock + model.BorderLogBytesPerBlock) * blocks) * plenty
        select new PlanningRequest
        {
            Model = model,
            Silos = [.. silos.Select((silo, i) => new SiloResources($"s{i}", "cpu", (long)(silo.Item1 * all) + 50, silo.Item2, silo.Item3))],
            KvBlocks = blocks,
        };
}
