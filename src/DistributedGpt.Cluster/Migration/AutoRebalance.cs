using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Has replicas move to better plans without being told, as <see cref="RebalancePolicy"/> decides. It runs on every silo, and the
/// oldest that lives decides for all; the next one begins without a memory of earlier moves.
/// </summary>
internal sealed partial class AutoRebalance(LivingSilos silos, ILocalSiloDetails silo, IGrainFactory grains, ILogger<AutoRebalance> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    private readonly Dictionary<ReplicaKey, RebalancePolicy> _policies = [];

    private ICatalogControl Catalog => grains.GetGrain<ICatalogControl>(0);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long started = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Interval);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (!silo.SiloAddress.Equals(silos.Oldest))
            {
                _policies.Clear();
                continue;
            }

            try
            {
                foreach (RebalanceReport report in await Catalog.Weigh().WaitAsync(stoppingToken)) await WeighAsync(report, Stopwatch.GetElapsedTime(started), stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotWeighed(e);
            }
        }
    }

    private async Task WeighAsync(RebalanceReport report, TimeSpan now, CancellationToken cancellationToken)
    {
        var replica = new ReplicaKey(report.Model, report.Replica);
        if (!_policies.TryGetValue(replica, out RebalancePolicy? policy)) _policies.Add(replica, policy = new RebalancePolicy());
        if (!policy.IsToMove(now, report.Moves.Length > 0, report.TokensPerSecondBefore, report.TokensPerSecondAfter)) return;
        LogMoves(replica, report.Moves.Sum(move => move.LayerCount), report.TokensPerSecondAfter, report.TokensPerSecondBefore, policy.Pause);
        RebalanceReport moved = await Catalog.RebalanceReplica(report.Model, report.Replica).WaitAsync(RebalancePolicy.LeastPause, cancellationToken);
        if (moved.Error is { } error) LogStays(replica, error);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: rebalancing, {Layers} layers move for {After:N0} tokens/s predicted instead of {Before:N0}; the next move is {Pause} from now at the earliest")]
    private partial void LogMoves(ReplicaKey replica, int layers, double after, double before, TimeSpan pause);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica} stays as it was: {Reason}")]
    private partial void LogStays(ReplicaKey replica, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "What a rebalance would gain could not be found out; it is tried again")]
    private partial void LogNotWeighed(Exception exception);
}
