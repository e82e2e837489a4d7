using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// The durable state of a replica, written by its coordinator alone, by compare-and-swap. Whoever wrote the highest epoch is the
/// coordinator; all others are fenced.
/// </summary>
[GenerateSerializer, Immutable]
public sealed record ReplicaRecord
{
    /// <summary>The model.</summary>
    [Id(0)] public required ModelSpec Model { get; init; }

    /// <summary>The fingerprint of its folder; a silo whose folder has another refuses to load.</summary>
    [Id(1)] public required string Fingerprint { get; init; }

    /// <summary>The stages.</summary>
    [Id(2)] public required StagePlan Plan { get; init; }

    /// <summary>The silos that <see cref="PlanStage.Silo"/> counts.</summary>
    [Id(3)] public required SiloAddress[] Silos { get; init; }

    /// <summary>The names of <see cref="Silos"/>, by which they are known again after a restart.</summary>
    [Id(7)] public required string[] SiloNames { get; init; }

    /// <summary>Blocks of every layer's KV cache.</summary>
    [Id(4)] public required int KvBlocks { get; init; }

    /// <summary>The epoch; 0 before the first coordinator.</summary>
    [Id(5)] public long Epoch { get; init; }

    /// <summary>The random id of the activation that wrote the epoch.</summary>
    [Id(6)] public Guid Owner { get; init; }

    /// <summary>The last migration that was committed: its copies are the parts on their new silos.</summary>
    [Id(8)] public Guid Migration { get; init; }

    /// <summary>The silo of a part.</summary>
    public SiloAddress SiloOf(PartKey part) => SiloOf(part.Kind switch
    {
        PartKind.Embedding => Plan.Stages[0],
        PartKind.Head => Plan.Stages[^1],
        _ => StageOf(part.Layer),
    });

    /// <summary>The silo of a stage.</summary>
    public SiloAddress SiloOf(PlanStage stage) => Silos[stage.Silo];

    /// <summary>The name of a stage's silo.</summary>
    public string NameOf(PlanStage stage) => SiloNames[stage.Silo];

    /// <summary>The name of a layer's silo.</summary>
    public string NameOf(int layer) => NameOf(StageOf(layer));

    private PlanStage StageOf(int layer) => Plan.Stages[Plan.StageOf(layer)];
}
