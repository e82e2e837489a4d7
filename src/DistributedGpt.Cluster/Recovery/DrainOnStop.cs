using DistributedGpt.Client;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Moves this silo's layers to others before it stops. Registered after Orleans and therefore stopped before it. What no other silo
/// has room for is named in the log and is lost with the silo: its requests wait for room, and then end with that reason.
/// </summary>
internal sealed partial class DrainOnStop(LivingSilos silos, ILocalSiloDetails silo, IClusterClient orleans, ILogger<DrainOnStop> logger) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        // The last silo has nobody to give its layers to.
        if (silos.Except(silo.SiloAddress).Length == 0) return;
        try
        {
            await new ClusterAdministration(orleans).DrainSiloAsync(silo.Name, cancellationToken);
        }
        catch (DrainException e)
        {
            LogStays(e.Message);
        }
        catch (Exception e)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping with layers that could not be moved: {Reason}")]
    private partial void LogStays(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping without having moved the layers")]
    private partial void LogFailed(Exception exception);
}
