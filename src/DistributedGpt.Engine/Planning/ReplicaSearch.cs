namespace DistributedGpt.Engine;

/// <summary>
/// Divides the silos among a number of replicas, which share the requests evenly, and each replica's layers among its silos. Few
/// silos are divided in every way; more are dealt out, the strong ones evenly: a heuristic.
/// </summary>
internal sealed class ReplicaSearch(StageCosts costs, double requests)
{
    private readonly PipelineSearch _pipelines = new(costs);

    /// <summary>The best division found into that many replicas, the fastest first.</summary>
    /// <returns>Null where memory is short.</returns>
    public Pipeline[]? Best(int replicas)
    {
        int[] silos = [.. Enumerable.Range(0, costs.Silos.Count)];
        double share = requests / replicas;
        Pipeline[]? best = replicas == 1 ? _pipelines.Best(silos, share) is { } one ? [one] : null
            : silos.Length < replicas ? null
            : silos.Length <= PipelineSearch.FewSilos ? DivideFew(silos, replicas, share)
            : Deal(silos, replicas, share);
        return best is null ? null : [.. best.OrderByDescending(pipeline => pipeline.TokensPerSecond)];
    }

    /// <summary>Whether one replica fits in memory.</summary>
    public bool FitsOnce() => _pipelines.Fits([.. Enumerable.Range(0, costs.Silos.Count)], requests);

    private Pipeline[]? DivideFew(int[] silos, int replicas, double share)
    {
        Pipeline?[] alone = [null, .. PipelineSearch.Subsets(silos).Select(some => _pipelines.UsingAll(some, share))];
        var best = new Pipeline[alone.Length][];
        best[0] = [];
        for (int count = 0; count < replicas; count++)
        {
            var more = new Pipeline[alone.Length][];
            for (int set = 1; set < alone.Length; set++)
            {
                for (int mine = set; mine > 0; mine = (mine - 1) & set)
                {
                    if (alone[mine] is not { } pipeline || best[set & ~mine] is not { } others) continue;
                    Pipeline[] candidate = [.. others, pipeline];
                    if (more[set] is null || Speed(candidate) > Speed(more[set])) more[set] = candidate;
                }
            }

            best = more;
        }

        return best.Where(some => some is not null).MaxBy(Speed);
    }

    private Pipeline[]? Deal(int[] silos, int replicas, double share) =>
        DealOut([.. silos.OrderBy(silo => costs.Silos[silo].StepTimes.Milliseconds(share))], replicas, share) ??
        DealOut([.. silos.OrderByDescending(silo => costs.Silos[silo].MemoryBytes)], replicas, share);

    /// <summary>Deals forth and back, so that no hand gets the better of every round.</summary>
    private Pipeline[]? DealOut(int[] strongestFirst, int replicas, double share)
    {
        List<int>[] hands = [.. Enumerable.Range(0, replicas).Select(_ => new List<int>())];
        for (int i = 0; i < strongestFirst.Length; i++)
        {
            int round = i / replicas, place = i % replicas;
            hands[round % 2 == 0 ? place : replicas - 1 - place].Add(strongestFirst[i]);
        }

        var found = new Pipeline[replicas];
        for (int i = 0; i < replicas; i++)
        {
            if (_pipelines.Good(hands[i], share) is not { } pipeline) return null;
            found[i] = pipeline;
        }

        return found;
    }

    private static double Speed(Pipeline[] replicas) => replicas.Sum(pipeline => pipeline.TokensPerSecond);
}
