using System.Diagnostics;

namespace DistributedGpt.Cluster;

/// <summary>
/// Has a silo declared dead in membership. While membership lists it, the grains of its layers cannot be activated elsewhere, so a
/// lost silo is first killed there and then replaced.
/// <para>
/// Crash case: a request to kill is dropped when it loses a race for the membership table, so it is made again until the silo is
/// dead there; several silos may do so at once. Without Redis nobody can be declared dead, and it goes on asking.
/// </para>
/// </summary>
internal sealed class DeathDeclaration(IClusterMembershipService membership)
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(5);

    /// <summary>Asks until the silo is dead, or <paramref name="isJust"/> is no more.</summary>
    public async Task MakeAsync(SiloAddress silo, Func<bool> isJust, CancellationToken cancellationToken)
    {
        while (!IsMade(silo) && isJust())
        {
            // Returns when it is queued, and a write that loses a race is not repeated.
            _ = membership.TryKill(silo);
            long asked = Stopwatch.GetTimestamp();
            while (!IsMade(silo) && Stopwatch.GetElapsedTime(asked) < RetryInterval) await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private bool IsMade(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) is SiloStatus.Dead or SiloStatus.None;
}
