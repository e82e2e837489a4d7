using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>The copy of one part: loaded from the model's folder, and for a layer with the cache of the silo that it comes from.</summary>
/// <param name="move">Where it comes from.</param>
/// <param name="part">The copy itself, with an incarnation of its own.</param>
internal sealed class PartCopy(PartMove move, LoadedPart part)
{
    /// <summary>Where it comes from.</summary>
    public PartMove Move => move;

    /// <summary>The copy itself.</summary>
    public LoadedPart Part => part;

    /// <summary>The layer; null for embedding and head, which have no cache.</summary>
    public ILayerRuntime? Layer => part.Runtime as ILayerRuntime;

    /// <summary>What it has of the layer's cache.</summary>
    public LayerCopy Cache { get; } = new();

    /// <summary>Whether nothing is missing.</summary>
    public bool IsComplete => Layer is null || Cache.IsComplete;
}
