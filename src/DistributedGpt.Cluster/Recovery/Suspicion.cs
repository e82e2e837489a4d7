namespace DistributedGpt.Cluster;

/// <summary>
/// Decides from pings and their answers which peers are suspected of being dead. Silence alone proves nothing: it may be this silo that
/// nobody hears. So a peer is suspected only while this silo reaches more than half of the cluster, itself included, and silence
/// counts only from one that has answered before. It has no clock: a round is as long as its caller makes it.
/// </summary>
internal sealed class Suspicion
{
    /// <summary>Pings in a row without an answer that make a peer a suspect.</summary>
    public const int Limit = 4;

    /// <summary>The same for a peer that others still hear: it is the link to it that is lost, and may come back.</summary>
    public const int SeveredLimit = 40;

    private readonly Lock _gate = new();
    private readonly Dictionary<SiloAddress, int> _unanswered = [];

    /// <summary>The time for the answers of the last round has passed; pings to these peers are about to be sent.</summary>
    /// <returns>The suspects, and the peers that answered the last ping.</returns>
    public (SiloAddress[] Suspects, SiloAddress[] Reached) BeginRound(IReadOnlyCollection<SiloAddress> peers)
    {
        lock (_gate)
        {
            foreach (SiloAddress gone in _unanswered.Keys.Except(peers).ToArray()) _unanswered.Remove(gone);
            SiloAddress[] reached = [.. _unanswered.Where(peer => peer.Value == 0).Select(peer => peer.Key)];
            bool hasMajority = 2 * (1 + reached.Length) > 1 + peers.Count;
            SiloAddress[] suspects = hasMajority ? [.. _unanswered.Keys.Where(IsSilent)] : [];
            foreach (SiloAddress peer in _unanswered.Keys) _unanswered[peer]++;
            return (suspects, reached);
        }
    }

    /// <summary>A ping of this or of any earlier round was answered.</summary>
    public void Answered(SiloAddress peer)
    {
        lock (_gate) _unanswered[peer] = 0;
    }

    /// <summary>Whether the peer has still not answered.</summary>
    public bool Suspects(SiloAddress peer)
    {
        lock (_gate) return IsSilent(peer);
    }

    /// <summary>What is to be done about a suspect.</summary>
    /// <param name="own">This silo.</param>
    /// <param name="suspect">The suspect.</param>
    /// <param name="reachedByOthers">Whether other silos get an answer from it, as far as they answer themselves.</param>
    public SuspicionVerdict Judge(SiloAddress own, SiloAddress suspect, IReadOnlyCollection<bool> reachedByOthers)
    {
        lock (_gate)
        {
            if (!IsSilent(suspect) || reachedByOthers.Count == 0) return SuspicionVerdict.Wait;
            if (!reachedByOthers.Contains(true)) return SuspicionVerdict.Dead;

            // Both ends come to this judgement; one of them must go, or what needs the two hangs for ever.
            return _unanswered[suspect] >= SeveredLimit && IsYounger(suspect, own) ? SuspicionVerdict.Severed : SuspicionVerdict.Wait;
        }
    }

    /// <summary>What silos are ordered by, those that joined first before the others.</summary>
    public static (int Generation, SiloAddress Address) Seniority(SiloAddress silo) => (silo.Generation, silo);

    private static bool IsYounger(SiloAddress silo, SiloAddress other) => Seniority(silo).CompareTo(Seniority(other)) > 0;

    private bool IsSilent(SiloAddress peer) => _unanswered.GetValueOrDefault(peer) >= Limit;
}
