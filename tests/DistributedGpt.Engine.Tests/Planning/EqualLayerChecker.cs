namespace DistributedGpt.Engine.Tests;

/// <summary>The best speed of one replica of equal layers, by trying every bound that a stage can attain and every first and last silo.</summary>
internal sealed class EqualLayerChecker(PlanningRequest request)
{
    private readonly ModelShape _model = request.Model;

    /// <summary>Tokens per second at full load; 0 where nothing fits.</summary>
    public double BestSpeed() => Enumerable.Range(1, Math.Min(request.Silos.Count, _model.Layers.Length)).Max(BestSpeed);

    private double BestSpeed(int stages)
    {
        double tokens = Math.Max(1, (double)ClusterPlanner.FullLoad / stages);
        double[] bounds = [.. Enumerable.Range(0, request.Silos.Count)
            .SelectMany(silo => Enumerable.Range(1, _model.Layers.Length).SelectMany(layers => Roles(stages).Select(role => Time(silo, layers, role.First, role.Last, tokens))))
            .Distinct().Order()];
        int attained = bounds.Length, missed = -1;
        while (attained - missed > 1)
        {
            int middle = (attained + missed) / 2;
            if (IsAttained(stages, tokens, bounds[middle])) attained = middle;
            else missed = middle;
        }

        return attained == bounds.Length ? 0 : 1000 * tokens / bounds[attained];
    }

    private static (bool First, bool Last)[] Roles(int stages) => stages == 1 ? [(true, true)] : [(true, false), (false, false), (false, true)];

    private bool IsAttained(int stages, double tokens, double bound)
    {
        int count = request.Silos.Count, layers = _model.Layers.Length;
        int Room(int silo, bool first, bool last) =>
            Enumerable.Range(1, layers).Reverse().FirstOrDefault(n => Time(silo, n, first, last, tokens) <= bound && Bytes(silo, n, first, last) <= request.Silos[silo].MemoryBytes);
        if (stages == 1) return Enumerable.Range(0, count).Any(silo => Room(silo, true, true) == layers);
        int[] first = [.. Enumerable.Range(0, count).Select(silo => Room(silo, true, false))];
        int[] middle = [.. Enumerable.Range(0, count).Select(silo => Room(silo, false, false))];
        int[] last = [.. Enumerable.Range(0, count).Select(silo => Room(silo, false, true))];
        for (int f = 0; f < count; f++)
        {
            for (int l = 0; l < count; l++)
            {
                if (f == l || first[f] == 0 || last[l] == 0) continue;
                int[] rest = [.. Enumerable.Range(0, count).Where(silo => silo != f && silo != l).Select(silo => middle[silo]).OrderDescending().Take(stages - 2)];
                if (!rest.Contains(0) && first[f] + last[l] + rest.Sum() >= layers) return true;
            }
        }

        return false;
    }

    private double Time(int silo, int layers, bool first, bool last, double tokens)
    {
        double work = layers * _model.Layers[0].Work + (first ? _model.Embedding.Work : 0) + (last ? _model.Head.Work : 0);
        Link link = request.Network.Usual;
        double hop = !last ? link.Milliseconds(tokens * _model.BorderBytesPerToken) : first ? 0 : link.LatencyMilliseconds;
        return work * request.Silos[silo].StepTimes.Milliseconds(tokens) + hop;
    }

    private long Bytes(int silo, int layers, bool first, bool last)
    {
        long weights = layers * _model.Layers[0].WeightBytes + (first ? _model.Embedding.WeightBytes : 0) + (last ? _model.Head.WeightBytes : 0);
        long caches = (layers * _model.Layers[0].KvBytesPerBlock + (last ? 0 : _model.BorderLogBytesPerBlock)) * request.KvBlocks;
        return (long)(weights * request.Silos[silo].WeightFactor) + caches;
    }
}
