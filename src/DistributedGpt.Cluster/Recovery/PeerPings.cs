using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>
/// Pings every other silo, so that one that hangs, or whose machine has vanished, is declared dead within about two seconds. What is
/// silent is only suspected (<see cref="Suspicion"/>); it is declared dead if another silo gets no answer from it either and none
/// gets one. With two silos there is no other, and silence is left to membership's own probes. Where others do get an answer, only
/// the link is lost; if it does not come back, the younger end is declared dead, and cannot join again before it reaches all.
/// <para>
/// Agents answer pings off the compute lane: a silo that computes for long is not silent.
/// </para>
/// </summary>
internal sealed partial class PeerPings(
    LivingSilos silos, ILocalSiloDetails local, SiloAgents agents, DeathDeclaration death, ILogger<PeerPings> logger) : BackgroundService
{
    private const int Witnesses = 3;
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(250);

    /// <summary>Longer than a round: a late answer is an answer.</summary>
    private static readonly TimeSpan PingPatience = TimeSpan.FromSeconds(1);

    private readonly Suspicion _suspicion = new();
    private readonly ConcurrentDictionary<SiloAddress, bool> _examined = new();

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            SiloAddress[] peers = silos.Except(local.SiloAddress);
            (SiloAddress[] suspects, SiloAddress[] reached) = _suspicion.BeginRound(peers);
            foreach (SiloAddress suspect in suspects)
            {
                if (_examined.TryAdd(suspect, true)) _ = ExamineAsync(suspect, [.. reached], stoppingToken);
            }

            foreach (SiloAddress peer in peers) _ = PingAsync(peer);

            // After a pause of this process a round is too long, never too short.
            await Task.Delay(Round, stoppingToken);
        }
    }

    private async Task PingAsync(SiloAddress peer)
    {
        if (await agents.PingAsync(peer, PingPatience)) _suspicion.Answered(peer);
    }

    private async Task ExamineAsync(SiloAddress suspect, SiloAddress[] witnesses, CancellationToken cancellationToken)
    {
        try
        {
            Random.Shared.Shuffle(witnesses);
            bool?[] reach = await Task.WhenAll(witnesses.Take(Witnesses).Select(witness => agents.FindWhetherReachesAsync(witness, suspect)));
            SuspicionVerdict verdict = _suspicion.Judge(local.SiloAddress, suspect, [.. reach.OfType<bool>()]);
            if (verdict == SuspicionVerdict.Wait) return;
            if (verdict == SuspicionVerdict.Dead) LogKilling(suspect, reach.Count(answer => answer == false));
            else LogSevering(suspect);
            await death.MakeAsync(suspect, () => _suspicion.Suspects(suspect), cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // This silo is stopping.
        }
        finally
        {
            _examined.TryRemove(suspect, out _);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Silo} answers no ping, here and at {Witnesses} other silos: declaring it dead")]
    private partial void LogKilling(SiloAddress silo, int witnesses);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Silo} and this silo do not reach each other, though others reach both: declaring it dead, the younger of the two")]
    private partial void LogSevering(SiloAddress silo);
}
