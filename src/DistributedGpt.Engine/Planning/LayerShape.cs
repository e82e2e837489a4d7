namespace DistributedGpt.Engine;

/// <summary>A decoder layer as the planner sees it.</summary>
/// <param name="WeightBytes">Bytes of its weights.</param>
/// <param name="KvBytesPerBlock">Bytes of one block of its KV cache.</param>
/// <param name="Work">Its computing time, in layers: 1, or another where a model's layers are unlike.</param>
public sealed record LayerShape(long WeightBytes, long KvBytesPerBlock, double Work = 1);
