namespace DistributedGpt.Cluster;

/// <summary>The durable list of models that the cluster is to serve.</summary>
/// <param name="Models">The models, by name.</param>
[GenerateSerializer, Immutable]
internal sealed record CatalogRecord([property: Id(0)] CatalogEntry[] Models)
{
    /// <summary>The name of the one record.</summary>
    public const string Name = "catalog";
}
