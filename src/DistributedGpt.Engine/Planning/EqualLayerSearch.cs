namespace DistributedGpt.Engine;

/// <summary>
/// Divides equal layers, over links that are alike, so that the slowest stage is as fast as can be: exactly. Within a bound on a
/// stage's time each silo can take so many layers, fewer as the first stage (the embedding needs room) or the last (the head needs
/// room and time); a bound is kept if the best choice of first, last and other silos takes all layers. Bisection finds the least.
/// </summary>
internal sealed class EqualLayerSearch
{
    private readonly StageCosts _costs;
    private readonly int[] _firstRoom;
    private readonly int[] _middleRoom;
    private readonly int[] _lastRoom;
    private (IReadOnlyList<int> Silos, double Tokens, int[] BySpeed, StageTimes[] Times)? _prepared;

    /// <summary>A search with these costs, which are uniform.</summary>
    public EqualLayerSearch(StageCosts costs)
    {
        _costs = costs;
        int count = costs.Silos.Count;
        _firstRoom = new int[count];
        _middleRoom = new int[count];
        _lastRoom = new int[count];
        for (int silo = 0; silo < count; silo++)
        {
            _firstRoom[silo] = RoomOn(silo, embedding: true, head: false);
            _middleRoom[silo] = RoomOn(silo, embedding: false, head: false);
            _lastRoom[silo] = RoomOn(silo, embedding: false, head: true);
        }
    }

    /// <summary>The best division into that many stages.</summary>
    /// <param name="silos">The silos to choose from.</param>
    /// <param name="stages">Stages, at most as many as silos and layers.</param>
    /// <param name="tokens">Tokens in a step.</param>
    /// <param name="atMost">A slower stage than this, in milliseconds, is of no use.</param>
    /// <returns>The stages, or null where none are as fast, or memory is short.</returns>
    public StagePlan? Find(IReadOnlyList<int> silos, int stages, double tokens, double atMost)
    {
        if (stages == 1) return FindOne(silos, tokens, atMost);
        (int[] bySpeed, StageTimes[] times) = Prepare(silos, tokens);
        var roles = new RoleChoice(bySpeed.Length, stages);
        return Bisection.Find(atMost, Divide, plan => new PipelineSpeed(_costs, plan, tokens * stages).SlowestMilliseconds);

        StagePlan? Divide(double bound)
        {
            for (int i = 0; i < bySpeed.Length; i++)
            {
                int silo = bySpeed[i];
                roles.SetRoom(
                    i,
                    times[i].LayersWithin(bound, StageRole.First, _firstRoom[silo]),
                    times[i].LayersWithin(bound, StageRole.Middle, _middleRoom[silo]),
                    times[i].LayersWithin(bound, StageRole.Last, _lastRoom[silo]));
            }

            return roles.Choose() < _costs.LayerCount ? null : Fill(bySpeed, times, roles.Chosen());
        }
    }

    /// <summary>A pass through that many stages takes at least so long, in milliseconds, however the layers are divided.</summary>
    public double LeastPass(IReadOnlyList<int> silos, int stages, double tokens)
    {
        (int[] bySpeed, StageTimes[] times) = Prepare(silos, tokens);
        double hop = times[0].Of(0, StageRole.Middle), pass = (stages - 1) * hop;
        int layers = _costs.LayerCount;
        for (int i = 0; i < bySpeed.Length && layers > 0; i++)
        {
            int taken = Math.Min(layers, _middleRoom[bySpeed[i]]);
            pass += times[i].Of(taken, StageRole.Middle) - hop;
            layers -= taken;
        }

        return pass;
    }

    /// <summary>Layers that fit in the silos' memory if each is a stage.</summary>
    public int LayersThatFit(IReadOnlyList<int> silos)
    {
        int most = silos.Max(silo => RoomOn(silo, embedding: true, head: true));
        for (int stages = 2; stages <= Math.Min(silos.Count, _costs.LayerCount) && most < _costs.LayerCount; stages++)
        {
            var roles = new RoleChoice(silos.Count, stages);
            for (int i = 0; i < silos.Count; i++) roles.SetRoom(i, _firstRoom[silos[i]], _middleRoom[silos[i]], _lastRoom[silos[i]]);
            most = Math.Max(most, Math.Min(_costs.LayerCount, roles.Choose()));
        }

        return most;
    }

    /// <summary>The silos, the fastest first, and their times. Where there are more stages than requests, all numbers of stages have the same.</summary>
    private (int[] BySpeed, StageTimes[] Times) Prepare(IReadOnlyList<int> silos, double tokens)
    {
        if (_prepared is { } known && known.Silos == silos && known.Tokens == tokens) return (known.BySpeed, known.Times);
        int[] bySpeed = [.. silos.OrderBy(silo => _costs.Silos[silo].StepTimes.Milliseconds(tokens))];
        StageTimes[] times = Array.ConvertAll(bySpeed, silo => new StageTimes(_costs, silo, tokens));
        _prepared = (silos, tokens, bySpeed, times);
        return (bySpeed, times);
    }

    private StagePlan? FindOne(IReadOnlyList<int> silos, double tokens, double atMost) => silos
        .Select(silo => new PlanStage(silo, 0, _costs.LayerCount, true, true))
        .Where(stage => _costs.Fits(stage) && _costs.ComputeMilliseconds(stage, tokens) <= atMost)
        .MinBy(stage => _costs.ComputeMilliseconds(stage, tokens)) is { } stage ? new StagePlan([stage]) : null;

    /// <summary>Gives each layer to the stage that would be done with it first: layers are alike, so this is optimal for the chosen silos.</summary>
    private StagePlan Fill(int[] silos, StageTimes[] times, int[] chosen)
    {
        int last = chosen.Length - 1;
        var counts = new int[chosen.Length];
        var next = new PriorityQueue<int, (double, int)>();
        for (int i = 0; i <= last; i++) Take(i);
        for (int layer = chosen.Length; layer < _costs.LayerCount; layer++) Take(next.Dequeue());

        var plan = new PlanStage[chosen.Length];
        int start = 0;
        for (int i = 0; i <= last; i++)
        {
            plan[i] = new PlanStage(silos[chosen[i]], start, counts[i], i == 0, i == last);
            start += counts[i];
        }

        return new StagePlan(plan);

        void Take(int i)
        {
            counts[i]++;
            StageRole role = i == 0 ? StageRole.First : i == last ? StageRole.Last : StageRole.Middle;
            int silo = silos[chosen[i]];
            int room = role switch { StageRole.First => _firstRoom[silo], StageRole.Last => _lastRoom[silo], _ => _middleRoom[silo] };
            if (counts[i] < room) next.Enqueue(i, (times[chosen[i]].Of(counts[i] + 1, role), i));
        }
    }

    private int RoomOn(int silo, bool embedding, bool head)
    {
        int fitting = 0, beyond = _costs.LayerCount + 1;
        while (beyond - fitting > 1)
        {
            int middle = (fitting + beyond) / 2;
            if (_costs.Fits(new PlanStage(silo, 0, middle, embedding, head))) fitting = middle;
            else beyond = middle;
        }

        return fitting;
    }
}
