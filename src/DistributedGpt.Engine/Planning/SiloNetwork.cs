namespace DistributedGpt.Engine;

/// <summary>The links between silos: one kind for all, and exceptions.</summary>
/// <param name="Usual">The link between two silos that are not named.</param>
/// <param name="Exceptions">Links by the indices of their silos, the smaller first; good for both directions.</param>
public sealed record SiloNetwork(Link Usual, IReadOnlyDictionary<(int, int), Link> Exceptions)
{
    /// <summary>A network in which all links are alike.</summary>
    public SiloNetwork(Link usual)
        : this(usual, new Dictionary<(int, int), Link>())
    {
    }

    /// <summary>The link between two silos.</summary>
    public Link Between(int a, int b) => Exceptions.Count > 0 && Exceptions.TryGetValue((Math.Min(a, b), Math.Max(a, b)), out Link? link) ? link : Usual;
}
