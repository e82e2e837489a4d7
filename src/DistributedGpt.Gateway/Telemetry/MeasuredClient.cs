using DistributedGpt.Client;

namespace DistributedGpt.Gateway;

/// <summary>A client whose requests are measured while anybody listens.</summary>
internal sealed class MeasuredClient(IInferenceClient inner) : IInferenceClient
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<ModelInfo>> ListModelsAsync(CancellationToken cancellationToken) => inner.ListModelsAsync(cancellationToken);

    /// <inheritdoc/>
    public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => inner.IsReadyAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<IServedModel?> FindModelAsync(string name, CancellationToken cancellationToken)
    {
        IServedModel? model = await inner.FindModelAsync(name, cancellationToken);
        return model is not null && (RequestMetrics.IsEnabled || GatewayTelemetry.Activities.HasListeners()) ? new MeasuredModel(model) : model;
    }
}
