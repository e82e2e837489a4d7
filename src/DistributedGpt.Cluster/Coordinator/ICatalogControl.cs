using DistributedGpt.Client;

namespace DistributedGpt.Cluster;

/// <summary>The catalog as the cluster's own parts see it.</summary>
internal interface ICatalogControl : ICatalogGrain
{
    /// <summary>The entry of that name, or null.</summary>
    Task<CatalogEntry?> Find(string name);

    /// <summary>Sees to it that every model of the catalog has its coordinators.</summary>
    /// <returns>The models.</returns>
    Task<ModelSpec[]> Wake();
}
