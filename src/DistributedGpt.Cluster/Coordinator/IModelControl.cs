using DistributedGpt.Client;

namespace DistributedGpt.Cluster;

/// <summary>A model's grain as the cluster's own parts see it.</summary>
internal interface IModelControl : IModelGrain
{
    /// <summary>Loads the model's replicas.</summary>
    /// <returns>The catalog's entry, or why it cannot be loaded, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<(CatalogEntry? Entry, string? Error)> Load(ModelSpec model);

    /// <summary>Whether a replica can serve now.</summary>
    [ResponseTimeout("00:00:02")]
    Task<bool> IsReady();

    /// <summary>Unloads the model's replicas, once their streams have ended or at once.</summary>
    [ResponseTimeout("01:00:00")]
    Task Unload(bool now);
}
