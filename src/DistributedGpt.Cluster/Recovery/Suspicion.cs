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

    private bool IsSilent(SiloAddress peer) => _unanswered.GetValueOrDefault(peer) >= Limit;
}
