using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Declares a killed peer dead within milliseconds, where membership's probes take seconds. While membership lists a silo, the
/// grains of its layers cannot be activated elsewhere, so a lost silo is first killed in membership and then replaced.
/// <para>
/// Roles: runs on every silo, watches the connections that lead from it to the others. Proof of death is a connection that closed
/// and a reconnect that is refused: nobody listens there any more. Everything else (silence, an unreachable host, a paused process)
/// is only suspicion and is left to membership, which asks other silos.
/// </para>
/// <para>
/// Crash case: a request to kill is dropped when it loses a race for the membership table, so it is made again until the silo is
/// dead there; several watchers may do so at once. Without Redis nobody can be declared dead, and it goes on asking.
/// </para>
/// </summary>
internal sealed partial class PeerWatch(IClusterMembershipService membership, PeerConnections connections, ILogger<PeerWatch> logger) : BackgroundService
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LastPause = TimeSpan.FromMilliseconds(640);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<SiloAddress, bool> _suspects = new();

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (IPEndPoint closed in connections.Closed.ReadAllAsync(stoppingToken))
        {
            foreach (ClusterMember member in membership.CurrentSnapshot.Members.Values)
            {
                if (member.Status == SiloStatus.Dead || !member.SiloAddress.Endpoint.Equals(closed) || !_suspects.TryAdd(member.SiloAddress, true)) continue;
                _ = ExamineAsync(member.SiloAddress, stoppingToken);
            }
        }
    }

    private async Task ExamineAsync(SiloAddress silo, CancellationToken cancellationToken)
    {
        try
        {
            if (!await IsProvenDeadAsync(silo.Endpoint, cancellationToken)) return;
            LogKilling(silo);
            while (!IsDead(silo))
            {
                // Returns when it is queued, and a write that loses a race is not repeated.
                _ = membership.TryKill(silo);
                long asked = Stopwatch.GetTimestamp();
                while (!IsDead(silo) && Stopwatch.GetElapsedTime(asked) < RetryInterval) await Task.Delay(PollInterval, cancellationToken);
            }
        }
        catch (OperationCanceledException)
        {
            // This silo is stopping.
        }
        finally
        {
            _suspects.TryRemove(silo, out _);
        }
    }

    /// <summary>A process that was killed may go on listening for some milliseconds after it has closed its connections.</summary>
    private static async Task<bool> IsProvenDeadAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        for (TimeSpan pause = FirstPause; pause <= LastPause; pause *= 2)
        {
            if (await IsRefusedAsync(endpoint, cancellationToken)) return true;
            await Task.Delay(pause, cancellationToken);
        }

        return false;
    }

    private bool IsDead(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) is SiloStatus.Dead or SiloStatus.None;

    private static async Task<bool> IsRefusedAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken).AsTask().WaitAsync(ConnectTimeout, cancellationToken);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Silo} has closed its connection and refuses another: declaring it dead")]
    private partial void LogKilling(SiloAddress silo);
}
