using DistributedGpt.Client;

namespace DistributedGpt.Cluster;

/// <summary>The catalog as the cluster's own parts see it.</summary>
internal interface ICatalogControl : ICatalogGrain
{
    /// <summary>The entry of that name, if it is served; else null.</summary>
    Task<CatalogEntry?> Find(string name);

    /// <summary>
    /// Sees to it that every model of the catalog has its coordinators, and that what was half loaded or half unloaded goes.
    /// </summary>
    /// <returns>The models.</returns>
    Task<ModelSpec[]> Wake();

    /// <summary>What a rebalance would make of each replica that is served; nothing moves.</summary>
    [ResponseTimeout("00:00:30")]
    Task<RebalanceReport[]> Weigh();

    /// <summary>Plans one replica anew over the silos that live, and moves its layers where that gains enough.</summary>
    [ResponseTimeout("01:00:00")]
    Task<RebalanceReport> RebalanceReplica(string model, int replica);
}
