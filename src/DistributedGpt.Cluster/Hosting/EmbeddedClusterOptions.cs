using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>A cluster inside this process, serving one model folder.</summary>
public sealed record EmbeddedClusterOptions
{
    /// <summary>The model folder.</summary>
    public required string ModelPath { get; init; }

    /// <summary>The name under which it is served; by default the folder's name.</summary>
    public string? ModelName { get; init; }

    /// <summary>How many silos the layers are spread over.</summary>
    public int Silos { get; init; } = 1;

    /// <summary><c>cpu</c>, or <c>cuda[:index]</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of the CPU's worker team; null: one per core.</summary>
    public int? Threads { get; init; }

    /// <summary>The type of resident weights; null: as stored.</summary>
    public TensorType? WeightType { get; init; }

    /// <summary>The type of keys and values in the cache.</summary>
    public TensorType KvType { get; init; } = TensorType.Float32;

    /// <summary>Positions that the KV cache holds; null: one full context plus 8 x 1,024, or what memory allows, at least one context of 1,024.</summary>
    public int? KvTokens { get; init; }

    /// <summary>The least level of Orleans' and the cluster's logs; null: none.</summary>
    public Microsoft.Extensions.Logging.LogLevel? LogLevel { get; init; }
}
