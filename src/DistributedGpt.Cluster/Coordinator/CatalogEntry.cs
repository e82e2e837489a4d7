using DistributedGpt.Client;

namespace DistributedGpt.Cluster;

/// <summary>
/// A model of the catalog, and what is known of it since it was loaded: nobody needs to read its folder again for that. It is
/// written before the load begins and removed after the unloading has ended, so that what was cut short can be put in order.
/// </summary>
/// <param name="Model">The model.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Replicas">How many replicas it has; while it is loading, the most that it can have.</param>
/// <param name="Fingerprint">The fingerprint of its folder; empty while it is loading.</param>
/// <param name="Created">When it was loaded, UTC.</param>
[GenerateSerializer, Immutable]
internal sealed record CatalogEntry(
    [property: Id(0)] ModelSpec Model,
    [property: Id(1)] ModelState State,
    [property: Id(2)] int Replicas,
    [property: Id(3)] string Fingerprint,
    [property: Id(4)] DateTime Created)
{
    /// <summary>The model's name.</summary>
    public string Name => Model.Name;
}
