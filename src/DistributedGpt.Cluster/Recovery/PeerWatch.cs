using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Declares a killed peer dead within milliseconds, where membership's probes take seconds: it watches the connections between this
/// silo and the others. Where one ended of which it does not know whose it was, every peer that answers no ping is meant.
/// <para>
/// Proof of death is a connection that closed and a reconnect that is refused: nobody listens there any more. Everything else
/// (silence, an unreachable host, a paused process) is only suspicion, and a matter of <see cref="PeerPings"/>.
/// </para>
/// </summary>
internal sealed partial class PeerWatch(
    IClusterMembershipService membership, ILocalSiloDetails local, PeerConnections connections, SiloAgents agents, DeathDeclaration death, ILogger<PeerWatch> logger) : BackgroundService
{
    private static readonly TimeSpan PingPatience = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LastPause = TimeSpan.FromMilliseconds(640);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<SiloAddress, bool> _suspects = new();

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (IPEndPoint? closed in connections.Closed.ReadAllAsync(stoppingToken))
        {
            foreach (ClusterMember member in membership.CurrentSnapshot.Members.Values)
            {
                SiloAddress silo = member.SiloAddress;
                bool isConcerned = closed is null ? !silo.Equals(local.SiloAddress) : silo.Endpoint.Equals(closed);
                if (isConcerned && member.Status != SiloStatus.Dead && _suspects.TryAdd(silo, true)) _ = ExamineAsync(silo, isKnown: closed is not null, stoppingToken);
            }
        }
    }

    private async Task ExamineAsync(SiloAddress silo, bool isKnown, CancellationToken cancellationToken)
    {
        try
        {
            if (!isKnown && await agents.PingAsync(silo, PingPatience)) return;
            if (!await IsProvenDeadAsync(silo.Endpoint, cancellationToken)) return;
            LogKilling(silo);
            await death.MakeAsync(silo, isJust: () => true, cancellationToken);
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
