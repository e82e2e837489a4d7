using Microsoft.Extensions.Hosting;

namespace DistributedGpt.Client;

/// <summary>The lifetime of a host that its owner starts and stops. It handles no signals, as a host does by itself: that is the owner's part.</summary>
public sealed class OwnersLifetime : IHostLifetime
{
    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
