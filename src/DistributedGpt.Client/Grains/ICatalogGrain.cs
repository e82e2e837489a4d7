namespace DistributedGpt.Client;

/// <summary>The models of the cluster. There is one, with key 0.</summary>
public interface ICatalogGrain : IGrainWithIntegerKey
{
    /// <summary>The models that are loaded, by name, without their tokenizers.</summary>
    [ResponseTimeout("00:00:02")]
    Task<ModelInfo[]> ListModels();

    /// <summary>Whether there are models and all of them can be served now.</summary>
    [ResponseTimeout("00:00:05")]
    Task<bool> IsReady();

    /// <summary>Loads a model and keeps it in the catalog.</summary>
    /// <returns>Null, or why it cannot be loaded, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> Load(ModelSpec model);

    /// <summary>How much of a model is loaded.</summary>
    [ResponseTimeout("00:00:05")]
    Task<LoadProgress> GetProgress(string name);

    /// <summary>Takes a model out of the catalog and off the silos, once its streams have ended or at once.</summary>
    /// <returns>False where there is none of that name.</returns>
    [ResponseTimeout("01:00:00")]
    Task<bool> Unload(string name, bool now);

    /// <summary>Moves all layers off a silo, so that it can be stopped and nobody waits; until then it offers no memory to others.</summary>
    /// <param name="silo">The silo's name.</param>
    /// <param name="work">A random id, for <see cref="IsAtWork"/>.</param>
    /// <returns>Null, or what stays there and why, fit for the user.</returns>
    [ResponseTimeout("01:00:00")]
    Task<string?> Drain(string silo, Guid work);

    /// <summary>Plans the replicas of a model, or of all, anew over the silos that live, and moves layers where that gains enough.</summary>
    /// <param name="model">The model; null: all.</param>
    /// <param name="work">A random id, for <see cref="IsAtWork"/>.</param>
    /// <returns>What became of each replica; null where there is no model of that name.</returns>
    [ResponseTimeout("01:00:00")]
    Task<RebalanceReport[]?> Rebalance(string? model, Guid work);

    /// <summary>Whether work of that id is under way. If it is not and no answer comes, the silo that worked on it was lost.</summary>
    [ResponseTimeout("00:00:02")]
    Task<bool> IsAtWork(Guid work);

    /// <summary>The cluster at this moment.</summary>
    [ResponseTimeout("00:00:05")]
    Task<ClusterStatus> GetStatus();
}
