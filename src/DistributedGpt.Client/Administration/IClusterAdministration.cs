namespace DistributedGpt.Client;

/// <summary>A cluster as its operators see it. Safe for concurrent use.</summary>
public interface IClusterAdministration
{
    /// <summary>Loads a model, plans it over the silos that live, and serves it until it is unloaded, over restarts too.</summary>
    /// <param name="model">The model; its path is the one that the silos see.</param>
    /// <param name="progress">Told how much is loaded, about ten times a second.</param>
    /// <param name="cancellationToken">Stops waiting; the load goes on.</param>
    /// <exception cref="ModelLoadException">It cannot be loaded, and nothing of it is left; the message says why.</exception>
    Task LoadModelAsync(ModelSpec model, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default);

    /// <summary>Unloads a model once its running streams have ended, or ends them.</summary>
    /// <param name="name">The model.</param>
    /// <param name="now">End running streams with an error.</param>
    /// <param name="cancellationToken">Stops waiting; the model goes all the same.</param>
    /// <returns>False where no model of that name is loaded.</returns>
    Task<bool> UnloadModelAsync(string name, bool now = false, CancellationToken cancellationToken = default);

    /// <summary>
    /// Moves all layers off a silo, which then can be stopped without a pause for anybody: they are loaded elsewhere while it still
    /// serves. From then on it gets no others.
    /// </summary>
    /// <param name="silo">The silo's name.</param>
    /// <param name="cancellationToken">Stops waiting; the move goes on.</param>
    /// <exception cref="DrainException">There is no such silo, or the others have no room, or whoever worked on it was lost; the message says what.</exception>
    Task DrainSiloAsync(string silo, CancellationToken cancellationToken = default);

    /// <summary>
    /// Plans the replicas of a model anew over the silos that live, and moves layers with their caches, while they serve, where the
    /// new plan is predicted to be at least a tenth faster.
    /// </summary>
    /// <param name="model">The model; null: every model.</param>
    /// <param name="cancellationToken">Stops waiting; the moves go on.</param>
    /// <returns>What became of each replica.</returns>
    /// <exception cref="RebalanceException">There is no such model, or whoever worked on it was lost.</exception>
    Task<RebalanceReport[]> RebalanceAsync(string? model = null, CancellationToken cancellationToken = default);

    /// <summary>The silos, the models, and which layer is where.</summary>
    Task<ClusterStatus> GetStatusAsync(CancellationToken cancellationToken = default);
}
