namespace DistributedGpt.Benchmarks;

/// <summary>What one round measured, one after the other.</summary>
internal sealed class BenchmarkRound(MachineSpeed machine)
{
    private readonly Dictionary<int, (LoopSpeed Plain, LoopSpeed Cluster)> _speeds = [];

    /// <summary>The machine, in this round.</summary>
    public MachineSpeed Machine => machine;

    /// <summary>By the number of requests, both loops.</summary>
    public IReadOnlyDictionary<int, (LoopSpeed Plain, LoopSpeed Cluster)> Speeds => _speeds;

    /// <summary>Adds the speeds of <paramref name="requests"/> requests at once.</summary>
    public void Add(int requests, LoopSpeed plain, LoopSpeed cluster) => _speeds.Add(requests, (plain, cluster));
}
