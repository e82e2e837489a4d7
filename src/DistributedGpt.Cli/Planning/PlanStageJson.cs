namespace DistributedGpt.Cli;

/// <summary>A stage of a <see cref="PlanReplicaJson"/>.</summary>
/// <param name="Silo">The silo's name.</param>
/// <param name="Device">Its device.</param>
/// <param name="FirstLayer">The first layer, from 0.</param>
/// <param name="LayerCount">How many layers.</param>
/// <param name="Embedding">Whether the embedding is there.</param>
/// <param name="Head">Whether the head is there.</param>
/// <param name="WeightBytes">Bytes of weights.</param>
/// <param name="KvBytes">Bytes of KV cache.</param>
/// <param name="BorderLogBytes">Bytes of what was sent to the next stage.</param>
/// <param name="UsedBytes">All of these.</param>
/// <param name="MemoryBytes">Of so many.</param>
/// <param name="StepMilliseconds">How long a step takes at the load that was planned for, the way to the next stage included.</param>
internal sealed record PlanStageJson(
    string Silo, string Device, int FirstLayer, int LayerCount, bool Embedding, bool Head,
    long WeightBytes, long KvBytes, long BorderLogBytes, long UsedBytes, long MemoryBytes, double StepMilliseconds);
