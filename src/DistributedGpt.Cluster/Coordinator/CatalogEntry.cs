using DistributedGpt.Client;

namespace DistributedGpt.Cluster;

/// <summary>A model that was loaded, and what is known of it since: nobody needs to read its folder again for that.</summary>
/// <param name="Model">The model.</param>
/// <param name="Fingerprint">The fingerprint of its folder.</param>
/// <param name="Created">When it was loaded, UTC.</param>
[GenerateSerializer, Immutable]
internal sealed record CatalogEntry([property: Id(0)] ModelSpec Model, [property: Id(1)] string Fingerprint, [property: Id(2)] DateTime Created);
