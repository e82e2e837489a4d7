using System.Globalization;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// Names a part of a model on the cluster: a layer, the embedding or the head of one replica. Its text is the key of the grain
/// that owns it: <c>model/replica/layer/shard</c>, where embedding and head count as layer 0. The model's name may hold slashes.
/// </summary>
/// <param name="Replica">The replica.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Layer">The layer, from 0; 0 for embedding and head.</param>
/// <param name="Shard">The shard of tensor parallelism: 0 while a layer lives on one device.</param>
[GenerateSerializer, Immutable]
public readonly record struct PartKey(
    [property: Id(0)] ReplicaKey Replica, [property: Id(1)] PartKind Kind, [property: Id(2)] int Layer = 0, [property: Id(3)] int Shard = 0)
{
    /// <summary>The grain's key.</summary>
    public string GrainKey => string.Create(CultureInfo.InvariantCulture, $"{Replica}/{Layer}/{Shard}");

    /// <summary>The parts that a plan gives to a stage, in the order in which a step goes through them.</summary>
    public static IEnumerable<PartKey> OfStage(ReplicaKey replica, PlanStage stage)
    {
        if (stage.Embedding) yield return new PartKey(replica, PartKind.Embedding);
        for (int layer = stage.FirstLayer; layer < stage.EndLayer; layer++) yield return new PartKey(replica, PartKind.Layer, layer);
        if (stage.Head) yield return new PartKey(replica, PartKind.Head);
    }

    /// <summary>Reads a grain's key.</summary>
    /// <exception cref="FormatException">The text is not of the form <c>model/replica/layer/shard</c>.</exception>
    public static PartKey Parse(string grainKey, PartKind kind)
    {
        string[] parts = grainKey.Split('/');
        if (parts.Length < 4) throw new FormatException($"'{grainKey}' is not of the form model/replica/layer/shard");
        return new PartKey(
            ReplicaKey.Parse(string.Join('/', parts[..^2])),
            kind,
            int.Parse(parts[^2], CultureInfo.InvariantCulture),
            int.Parse(parts[^1], CultureInfo.InvariantCulture));
    }
}
