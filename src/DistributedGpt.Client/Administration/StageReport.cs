namespace DistributedGpt.Client;

/// <summary>A stage of a replica: consecutive layers on one silo.</summary>
/// <param name="FirstLayer">Its first layer, from 0.</param>
/// <param name="LayerCount">How many.</param>
/// <param name="Embedding">Whether the embedding is there.</param>
/// <param name="Head">Whether the head is there.</param>
/// <param name="Silo">The name of its silo.</param>
[GenerateSerializer, Immutable]
public sealed record StageReport(
    [property: Id(0)] int FirstLayer,
    [property: Id(1)] int LayerCount,
    [property: Id(2)] bool Embedding,
    [property: Id(3)] bool Head,
    [property: Id(4)] string Silo);
