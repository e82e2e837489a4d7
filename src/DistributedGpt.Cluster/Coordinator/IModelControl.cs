using DistributedGpt.Client;
using DistributedGpt.Engine;
using Orleans.Concurrency;

namespace DistributedGpt.Cluster;

/// <summary>A model's grain as the cluster's own parts see it.</summary>
internal interface IModelControl : IModelGrain
{
    /// <summary>Plans the model's replicas and loads them; where one cannot be loaded, none is left.</summary>
    /// <returns>The catalog's entry, or why it cannot be loaded, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<(CatalogEntry? Entry, string? Error)> Load(ModelSpec model);

    /// <summary>How far the load is, silo by silo; nothing where none is under way.</summary>
    [ResponseTimeout("00:00:02")]
    Task<LoadProgress> GetProgress();

    /// <summary>The model as its replicas tell it, those of them that answer.</summary>
    [ResponseTimeout("00:00:02")]
    Task<ModelReport> GetReport(CatalogEntry entry);

    /// <summary>A replica tells how it is.</summary>
    [OneWay]
    Task Report(int replica, ReplicaLoad load);

    /// <summary>Unloads replicas, once their streams have ended or at once.</summary>
    /// <param name="replicas">Those from 0 up to this number; what is not there is passed over.</param>
    /// <param name="now">Whether at once.</param>
    [ResponseTimeout("01:00:00")]
    Task Unload(int replicas, bool now);
}
