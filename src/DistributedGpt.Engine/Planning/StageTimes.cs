namespace DistributedGpt.Engine;

/// <summary>How long a stage of equal layers takes on one silo, the way to the next stage included.</summary>
internal readonly struct StageTimes
{
    private readonly double _layer;
    private readonly double _first;
    private readonly double _middle;
    private readonly double _last;

    /// <summary>The times of a silo for steps of so many tokens.</summary>
    public StageTimes(StageCosts costs, int silo, double tokens)
    {
        var middle = new PlanStage(silo, 0, 0, false, false);
        PlanStage first = middle with { Embedding = true }, last = middle with { Head = true };
        _layer = costs.ComputeMilliseconds(middle with { LayerCount = 1 }, tokens);
        _first = costs.ComputeMilliseconds(first, tokens) + costs.HopMilliseconds(first, silo, tokens);
        _middle = costs.HopMilliseconds(middle, silo, tokens);
        _last = costs.ComputeMilliseconds(last, tokens) + costs.HopMilliseconds(last, null, tokens);
    }

    /// <summary>Milliseconds for so many layers.</summary>
    public double Of(int layers, StageRole role) => layers * _layer + (role switch { StageRole.First => _first, StageRole.Last => _last, _ => _middle });

    /// <summary>How many layers, up to <paramref name="room"/>, take at most <paramref name="bound"/> milliseconds.</summary>
    public int LayersWithin(double bound, StageRole role, int room)
    {
        int layers = (int)Math.Clamp((bound - Of(0, role)) / _layer, 0, room);

        // Rounding must not decide whether a bound that was attained is attained again.
        if (layers < room && Of(layers + 1, role) <= bound) layers++;
        if (layers > 0 && Of(layers, role) > bound) layers--;
        return layers;
    }
}
