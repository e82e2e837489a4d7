namespace DistributedGpt.Engine;

/// <summary>
/// Chooses the replica that serves a request: of those that serve, the one that was given the longest beginning of its prompt lately
/// and so may have it in its cache; among equals the one with the fewest sequences; then the one that was chosen longest ago.
/// <para>
/// A beginning counts only where a replica has hardly more sequences than the least busy one. So a prefix that everybody sends
/// spreads to the others as it makes its replica busy, and is cached there from then on.
/// </para>
/// <para>It knows approximately: what it sent where, not what the caches hold; and the load as it was last reported, with what it sent since.</para>
/// </summary>
public sealed class ReplicaRouter
{
    /// <summary>Sequences that a replica may have beyond <see cref="BusierFactor"/> times those of the least busy one, and still get its prefixes.</summary>
    public const int BusierBy = 4;

    /// <summary>See <see cref="BusierBy"/>.</summary>
    public const double BusierFactor = 1.25;

    private const int PrefixesPerReplica = 1 << 13;

    private readonly Replica[] _replicas;
    private long _routed;

    /// <summary>A router that has sent nothing yet and takes every replica for idle.</summary>
    /// <param name="replicas">How many there are, at least one.</param>
    public ReplicaRouter(int replicas)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(replicas, 1);
        _replicas = [.. Enumerable.Range(0, replicas).Select(index => new Replica(index))];
    }

    /// <summary>How many replicas there are.</summary>
    public int Replicas => _replicas.Length;

    /// <summary>A replica tells how it is.</summary>
    public void Report(int replica, ReplicaLoad load)
    {
        _replicas[replica].Serves = load.Serves;
        _replicas[replica].Sequences = load.Sequences;
        if (!load.Serves) _replicas[replica].Recent.Clear();
    }

    /// <summary>Chooses the replica for a request.</summary>
    /// <param name="prefixes">Its <see cref="PromptPrefixes"/>.</param>
    /// <param name="sequences">How many completions it has.</param>
    /// <param name="avoid">A replica that did not answer its client: it is chosen only where no other serves.</param>
    /// <returns>The replica's index.</returns>
    public int Route(ReadOnlySpan<BlockHash> prefixes, int sequences, int? avoid = null)
    {
        Replica? chosen = null;
        int longest = 0, least = Serving(avoid).Select(replica => replica.Sequences).DefaultIfEmpty().Min();
        foreach (Replica replica in Serving(avoid))
        {
            int known = replica.Sequences <= least * BusierFactor + BusierBy ? replica.Recent.CountKnown(prefixes) : 0;
            if (chosen is null || known > longest || (known == longest && replica.IsRatherThan(chosen))) (chosen, longest) = (replica, known);
        }

        // Nobody else: it stays where it is counted already.
        if (chosen is null && avoid is { } only) return only;
        chosen ??= _replicas.MinBy(replica => replica.Sequences)!;
        foreach (BlockHash prefix in prefixes) chosen.Recent.Add(prefix);
        chosen.Sequences += sequences;
        chosen.ChosenAt = ++_routed;
        return chosen.Index;
    }

    private IEnumerable<Replica> Serving(int? avoid) => _replicas.Where(replica => replica.Serves && replica.Index != avoid);

    private sealed class Replica(int index)
    {
        public int Index { get; } = index;

        public bool Serves { get; set; } = true;

        public int Sequences { get; set; }

        public long ChosenAt { get; set; }

        public RecentPrefixes Recent { get; } = new(PrefixesPerReplica);

        public bool IsRatherThan(Replica other) => Sequences != other.Sequences ? Sequences < other.Sequences : ChosenAt < other.ChosenAt;
    }
}
