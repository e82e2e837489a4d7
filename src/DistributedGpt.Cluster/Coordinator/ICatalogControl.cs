using DistributedGpt.Client;

namespace DistributedGpt.Cluster;

/// <summary>The catalog as the cluster's own parts see it.</summary>
internal interface ICatalogControl : ICatalogGrain
{
    /// <summary>Loads a model and keeps it in the catalog.</summary>
    /// <returns>Null, or why it cannot be loaded, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> Load(ModelSpec model);

    /// <summary>The entry of that name, or null.</summary>
    Task<ModelSpec?> Find(string name);
}
