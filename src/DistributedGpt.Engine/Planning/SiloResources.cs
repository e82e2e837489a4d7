namespace DistributedGpt.Engine;

/// <summary>A silo as the planner sees it.</summary>
/// <param name="Name">Its name, for messages.</param>
/// <param name="Device">Its device, such as <c>cpu</c>.</param>
/// <param name="MemoryBytes">Bytes that weights, caches and border logs may occupy.</param>
/// <param name="StepTimes">How fast it computes.</param>
/// <param name="WeightFactor">Its bytes of weights for one of the model's: 2 where it keeps bfloat16 as float32.</param>
public sealed record SiloResources(string Name, string Device, long MemoryBytes, StepTimes StepTimes, double WeightFactor = 1);
