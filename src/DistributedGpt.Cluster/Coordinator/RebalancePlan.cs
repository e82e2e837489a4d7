using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>
/// The best plan of a replica over the silos that live, beside the one that it has. Of plans that are equally fast it is one that
/// moves few layers.
/// </summary>
internal sealed class RebalancePlan
{
    /// <summary>A plan is worth moving for if it is faster by this factor: measured times differ by several percent.</summary>
    private const double LeastGain = 1.1;

    private const double Tolerance = 1e-6;

    private readonly ReplicaRecord _before;

    /// <summary>Plans the replica anew.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="record">The replica as it is, on living silos.</param>
    /// <param name="silos">The silos on which it may be, with what this replica occupies counted as free.</param>
    /// <exception cref="InsufficientMemoryException">The replica does not fit on these silos; the message has the numbers.</exception>
    public RebalancePlan(ModelFolder folder, ReplicaRecord record, SiloOffer[] silos)
    {
        _before = record;
        PlanningRequest request = ReplicaPlanner.Request(folder, record.Model, silos) with { KvBlocks = record.KvBlocks, LeastKvBlocks = null, Replicas = 1 };
        PlanStage[] now = Array.ConvertAll(record.Plan.Stages, stage => stage with { Silo = Array.FindIndex(silos, silo => silo.Address.Equals(record.SiloOf(stage))) });
        TokensPerSecondBefore = Speed(request, new StagePlan(now));
        StagePlan best = ClusterPlanner.Plan(request).Replicas[0];
        TokensPerSecondAfter = Speed(request, best);
        Record = record with
        {
            Plan = WithFewMoves(request, best, now, TokensPerSecondAfter),
            Silos = Array.ConvertAll(silos, silo => silo.Address),
            SiloNames = Array.ConvertAll(silos, silo => silo.Name),
        };
    }

    /// <summary>The record with the best plan.</summary>
    public ReplicaRecord Record { get; }

    /// <summary>The predicted speed of the plan that there is, at full load.</summary>
    public double TokensPerSecondBefore { get; }

    /// <summary>The same of the best plan.</summary>
    public double TokensPerSecondAfter { get; }

    /// <summary>Whether the best plan is worth moving for.</summary>
    public bool IsWorthwhile => TokensPerSecondAfter >= LeastGain * TokensPerSecondBefore && Moves.Length > 0;

    /// <summary>The layers that move.</summary>
    public MoveReport[] Moves
    {
        get
        {
            var moves = new List<MoveReport>();
            for (int layer = 0; layer < _before.Plan.LayerCount; layer++)
            {
                string from = _before.NameOf(layer), to = Record.NameOf(layer);
                if (from == to) continue;
                if (moves.Count > 0 && moves[^1] is { } last && last.FirstLayer + last.LayerCount == layer && last.From == from && last.To == to) moves[^1] = last with { LayerCount = last.LayerCount + 1 };
                else moves.Add(new MoveReport(layer, 1, from, to));
            }

            return [.. moves];
        }
    }

    private static double Speed(PlanningRequest request, StagePlan plan) => ClusterPlanner.Evaluate(request, plan).Predict(ClusterPlanner.FullLoad).TokensPerSecond;

    /// <summary>The plan with its silos exchanged for others that make it no slower, as long as that leaves more layers where they are.</summary>
    private static StagePlan WithFewMoves(PlanningRequest request, StagePlan plan, PlanStage[] now, double speed)
    {
        int staying = Staying(plan, now);
        while (true)
        {
            StagePlan? better = null;
            foreach (StagePlan other in Exchanges(plan, request.Silos.Count))
            {
                int stay = Staying(other, now);
                if (stay <= staying || !ClusterPlanner.Evaluate(request, other).Fits || Speed(request, other) < speed * (1 - Tolerance)) continue;
                (better, staying) = (other, stay);
            }

            if (better is null) return plan;
            plan = better;
        }
    }

    /// <summary>The plans in which one stage is on another silo, whose stage takes its place where it has one.</summary>
    private static IEnumerable<StagePlan> Exchanges(StagePlan plan, int silos) =>
        from stage in plan.Stages
        from silo in Enumerable.Range(0, silos)
        where silo != stage.Silo
        select new StagePlan(Array.ConvertAll(plan.Stages, other => other with { Silo = other.Silo == stage.Silo ? silo : other.Silo == silo ? stage.Silo : other.Silo }));

    private static int Staying(StagePlan plan, PlanStage[] now) => (
        from before in now
        from after in plan.Stages
        where before.Silo == after.Silo
        select Math.Max(0, Math.Min(before.EndLayer, after.EndLayer) - Math.Max(before.FirstLayer, after.FirstLayer))).Sum();
}
