namespace DistributedGpt.Client;

/// <summary>The models of the cluster. There is one, with key 0.</summary>
public interface ICatalogGrain : IGrainWithIntegerKey
{
    /// <summary>The models that are loaded, by name.</summary>
    [ResponseTimeout("00:00:05")]
    Task<ModelInfo[]> ListModels();

    /// <summary>Whether there are models and all of them can be served now.</summary>
    [ResponseTimeout("00:00:05")]
    Task<bool> IsReady();
}
