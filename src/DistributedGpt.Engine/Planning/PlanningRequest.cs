namespace DistributedGpt.Engine;

/// <summary>What is to be planned.</summary>
public sealed record PlanningRequest
{
    /// <summary>The model.</summary>
    public required ModelShape Model { get; init; }

    /// <summary>The silos, at least one; <see cref="PlanStage.Silo"/> counts these.</summary>
    public required IReadOnlyList<SiloResources> Silos { get; init; }

    /// <summary>What lies between them.</summary>
    public SiloNetwork Network { get; init; } = new(Link.Free);

    /// <summary>Blocks that the KV cache of a replica is to hold.</summary>
    public required int KvBlocks { get; init; }

    /// <summary>Blocks with which it does where memory is short; null: none less.</summary>
    public int? LeastKvBlocks { get; init; }

    /// <summary>Replicas; null: as many as are fastest.</summary>
    public int? Replicas { get; init; } = 1;
}
