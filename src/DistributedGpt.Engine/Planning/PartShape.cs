namespace DistributedGpt.Engine;

/// <summary>The embedding or the head as the planner sees it.</summary>
/// <param name="WeightBytes">Bytes of its weights.</param>
/// <param name="Work">Its computing time, in layers.</param>
public sealed record PartShape(long WeightBytes, double Work);
