namespace DistributedGpt.Client;

/// <summary>A cluster as its users see it: models by name. Safe for concurrent use.</summary>
public interface IInferenceClient
{
    /// <summary>The models that are loaded, by name.</summary>
    Task<IReadOnlyList<ModelInfo>> ListModelsAsync(CancellationToken cancellationToken = default);

    /// <summary>Whether there are models and all of them can be served now: their stages follow their coordinators.</summary>
    Task<bool> IsReadyAsync(CancellationToken cancellationToken = default);

    /// <summary>The model of that name, or null where the cluster serves none.</summary>
    Task<IServedModel?> FindModelAsync(string name, CancellationToken cancellationToken = default);
}
