using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>Limits of a silo's store.</summary>
/// <param name="MemoryLimit">Bytes that weights and caches may occupy.</param>
/// <param name="WeightType">The type of resident weights; null: as stored.</param>
internal sealed record SiloStoreOptions(long MemoryLimit, TensorType? WeightType);
