using DistributedGpt.Models;

namespace DistributedGpt.Client;

/// <summary>A model that the cluster is to serve.</summary>
[GenerateSerializer, Immutable]
public sealed record ModelSpec
{
    /// <summary>The name under which it is served.</summary>
    [Id(0)] public required string Name { get; init; }

    /// <summary>The model folder as the silos see it.</summary>
    [Id(1)] public required string Path { get; init; }

    /// <summary>The type of keys and values in the cache.</summary>
    [Id(2)] public TensorType KvType { get; init; } = TensorType.Float32;

    /// <summary>Positions that the KV cache holds; null: one full context plus 8 x 1,024, or what memory allows, at least one context of 1,024.</summary>
    [Id(3)] public int? KvTokens { get; init; }

    /// <summary>How many replicas of it share the requests; null: as many as are fastest.</summary>
    [Id(4)] public int? Replicas { get; init; } = 1;
}
