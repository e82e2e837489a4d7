using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A run of consecutive layers on one silo.</summary>
/// <param name="Silo">The silo's index in the list that was planned for.</param>
/// <param name="FirstLayer">The first layer, from 0.</param>
/// <param name="LayerCount">How many layers, at least one.</param>
/// <param name="Embedding">The token embedding runs here, before the layers.</param>
/// <param name="Head">Final norm, unembedding and sampling run here, after the layers.</param>
[GenerateSerializer, Immutable]
public sealed record PlanStage(
    [property: Id(0)] int Silo,
    [property: Id(1)] int FirstLayer,
    [property: Id(2)] int LayerCount,
    [property: Id(3)] bool Embedding,
    [property: Id(4)] bool Head)
{
    /// <summary>The layer after the last.</summary>
    public int EndLayer => FirstLayer + LayerCount;
}
