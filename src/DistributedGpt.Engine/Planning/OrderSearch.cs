namespace DistributedGpt.Engine;

/// <summary>
/// Divides layers of any kind over links of any kind, with every one of a few silos as a stage, so that the slowest stage is as
/// fast as can be: exactly. Within a bound on a stage's time, for each set of silos that the first stages may be on and each silo
/// that may come next, the layers that it may begin with are all that matters: the furthest one alone does not, since a silo that
/// others need on their way must find a layer there that it can take. Bisection finds the least bound that reaches the end.
/// </summary>
internal sealed class OrderSearch
{
    private readonly StageCosts _costs;
    private readonly IReadOnlyList<int> _silos;
    private readonly double _tokens;
    private readonly bool[] _starts;
    private readonly int[] _ends;

    /// <summary>A search over these silos.</summary>
    /// <param name="costs">The costs.</param>
    /// <param name="silos">The silos, each of which is to be a stage.</param>
    /// <param name="tokens">Tokens in a step.</param>
    public OrderSearch(StageCosts costs, IReadOnlyList<int> silos, double tokens)
    {
        (_costs, _silos, _tokens) = (costs, silos, tokens);
        _starts = new bool[(silos.Count << silos.Count) * costs.LayerCount];
        _ends = new int[silos.Count * silos.Count * costs.LayerCount];
        for (int first = 0; first < silos.Count; first++) Starts(0, first)[0] = true;
    }

    /// <summary>The best order and division.</summary>
    /// <param name="atMost">A slower stage than this, in milliseconds, is of no use.</param>
    /// <returns>Null where none is as fast, or memory is short.</returns>
    public StagePlan? Find(double atMost) => Bisection.Find(
        atMost, Divide, plan => new PipelineSpeed(_costs, plan, _tokens * plan.Stages.Length).SlowestMilliseconds);

    private StagePlan? Divide(double bound)
    {
        int all = (1 << _silos.Count) - 1;
        for (int silo = 0; silo < _silos.Count; silo++)
        {
            for (int next = 0; next < _silos.Count; next++)
            {
                if (next != silo) FindEnds(silo, next, bound);
            }
        }

        for (int set = 1; set < all; set++)
        {
            for (int next = 0; next < _silos.Count; next++)
            {
                if ((set >> next & 1) == 0) FindStarts(set, next);
            }
        }

        for (int last = 0; last < _silos.Count; last++)
        {
            Span<bool> starts = Starts(all & ~(1 << last), last);
            for (int start = 0; start < starts.Length; start++)
            {
                if (starts[start] && IsWithin(bound, _silos[last], start, _costs.LayerCount, null)) return PlanOf(last, start);
            }
        }

        return null;
    }

    /// <summary>How far each start leads on one silo before another: stages that end there or sooner are within the bound.</summary>
    private void FindEnds(int silo, int next, double bound)
    {
        Span<int> ends = Ends(silo, next);
        int end = 0;
        for (int start = 0; start < ends.Length; start++)
        {
            end = Math.Max(end, start);
            while (end < ends.Length - 1 && IsWithin(bound, _silos[silo], start, end + 1, _silos[next])) end++;
            ends[start] = end;
        }
    }

    private void FindStarts(int set, int next)
    {
        Span<bool> starts = Starts(set, next);
        starts.Clear();

        // Each stage that is still to come needs a layer.
        int limit = _costs.LayerCount - (_silos.Count - System.Numerics.BitOperations.PopCount((uint)set));
        for (int last = 0; last < _silos.Count; last++)
        {
            if ((set >> last & 1) == 0) continue;
            Span<bool> before = Starts(set & ~(1 << last), last);
            Span<int> ends = Ends(last, next);
            int marked = 0;
            for (int start = 0; start < limit; start++)
            {
                if (!before[start]) continue;
                int end = Math.Min(ends[start], limit);
                for (marked = Math.Max(marked, start); marked < end; marked++) starts[marked + 1] = true;
            }
        }
    }

    private StagePlan PlanOf(int last, int start)
    {
        var stages = new PlanStage[_silos.Count];
        int set = (1 << _silos.Count) - 1, end = _costs.LayerCount;
        for (int i = stages.Length - 1; i >= 0; i--)
        {
            stages[i] = new PlanStage(_silos[last], start, end - start, i == 0, i == stages.Length - 1);
            set &= ~(1 << last);
            if (i > 0) (last, start, end) = Before(set, last, start);
        }

        return new StagePlan(stages);
    }

    /// <summary>A stage, the last of those on a set of silos, that ends where the next one starts.</summary>
    private (int Silo, int Start, int End) Before(int set, int next, int end)
    {
        for (int silo = 0; silo < _silos.Count; silo++)
        {
            if ((set >> silo & 1) == 0) continue;
            for (int start = 0; start < end; start++)
            {
                if (Starts(set & ~(1 << silo), silo)[start] && Ends(silo, next)[start] >= end) return (silo, start, end);
            }
        }

        throw new InvalidOperationException("No stage leads to a start that was reached.");
    }

    private bool IsWithin(double bound, int silo, int start, int end, int? next)
    {
        var stage = new PlanStage(silo, start, end - start, start == 0, next is null);
        return _costs.Fits(stage) && _costs.ComputeMilliseconds(stage, _tokens) + _costs.HopMilliseconds(stage, next, _tokens) <= bound;
    }

    /// <summary>By layer, whether it may be the first of silo <paramref name="next"/> after stages on all of <paramref name="set"/>.</summary>
    private Span<bool> Starts(int set, int next) => _starts.AsSpan((set * _silos.Count + next) * _costs.LayerCount, _costs.LayerCount);

    private Span<int> Ends(int silo, int next) => _ends.AsSpan((silo * _silos.Count + next) * _costs.LayerCount, _costs.LayerCount);
}
