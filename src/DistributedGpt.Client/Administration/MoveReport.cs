namespace DistributedGpt.Client;

/// <summary>Layers that moved, with their caches.</summary>
/// <param name="FirstLayer">The first layer, from 0.</param>
/// <param name="LayerCount">How many.</param>
/// <param name="From">The name of the silo that had them.</param>
/// <param name="To">The name of the silo that has them now.</param>
[GenerateSerializer, Immutable]
public sealed record MoveReport([property: Id(0)] int FirstLayer, [property: Id(1)] int LayerCount, [property: Id(2)] string From, [property: Id(3)] string To);
