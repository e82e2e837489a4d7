using DistributedGpt.Client;
using DistributedGpt.Models;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Wakes the catalog when silos come or go, so that every model has its coordinators without a request that asks for them: after the
/// loss of a coordinator's silo, and after a restart of the whole cluster. It also reads the models' fingerprints on this silo, so
/// that a layer that comes here one day need not wait for that.
/// </summary>
internal sealed partial class CatalogWatch(IClusterMembershipService membership, IGrainFactory grains, SiloStore store, FingerprintCache fingerprints, ILogger<CatalogWatch> logger) : BackgroundService
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        string seen = "";
        await foreach (ClusterMembershipSnapshot snapshot in membership.MembershipUpdates.WithCancellation(stoppingToken))
        {
            string active = string.Join(' ', snapshot.Members.Values.Where(member => member.Status == SiloStatus.Active).Select(member => member.SiloAddress).Order());
            if (active == seen) continue;
            seen = active;
            await WakeAsync(stoppingToken);
        }
    }

    private async Task WakeAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < 10; attempt++)
        {
            try
            {
                foreach (ModelSpec model in await grains.GetGrain<ICatalogControl>(0).Wake()) _ = ReadFingerprintAsync(model);
                return;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                LogWakeFailed(e);
                await Task.Delay(RetryPause, cancellationToken);
            }
        }
    }

    private async Task ReadFingerprintAsync(ModelSpec model)
    {
        try
        {
            await fingerprints.GetAsync(store.CurrentFolder(model.Path));
        }
        catch (Exception e) when (e is ModelFormatException or IOException or UnauthorizedAccessException)
        {
            LogNoFingerprint(model.Path, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Path} cannot be read here, so no layer of it can come here: {Reason}")]
    private partial void LogNoFingerprint(string path, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The catalog could not be woken; it is tried again")]
    private partial void LogWakeFailed(Exception exception);
}
