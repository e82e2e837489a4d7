namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// Carries calls: late and in any order, sometimes received by a caller that has seen an exception, sometimes never received,
/// twice received, or never answered. A caller sees at most one outcome; without a time-out a lost answer leaves it waiting.
/// </summary>
internal sealed class Network(VirtualTime time, Random random, SimulationCase @case, SimulationCounts counts)
{
    /// <summary>No more faults.</summary>
    public bool Calm { get; set; }

    public bool Chance(double probability) => !Calm && probability > 0 && random.NextDouble() < probability;

    public double Delay() => 0.1 + random.NextDouble() * (Chance(@case.Slow) ? 200 : @case.NetworkDelay);

    /// <summary>What arrives of a piece.</summary>
    public CachePiece Damage(CachePiece piece)
    {
        if (!Chance(@case.Damages)) return piece;
        counts.Damaged++;
        ulong[] content = [.. piece.Content];
        content[random.Next(content.Length)] ^= 1UL << random.Next(64);
        return piece with { Content = content };
    }

    public void Send<T>(Action<Call<T>> receive, Action<T> returned, Action<StageRefusal?> threw, double timeout = double.PositiveInfinity)
    {
        bool decided = false;
        void Once(Action outcome)
        {
            if (decided) return;
            decided = true;
            outcome();
        }

        bool broken = Chance(@case.Breaks);
        if (broken)
        {
            counts.Broken++;
            time.After(random.NextDouble() * 30, () => Once(() => threw(null)));
        }

        if (!broken || random.Next(2) == 0)
        {
            var call = new Call<T>(value => Answer(() => returned(value)), refusal => Answer(() => threw(refusal)));
            time.After(Delay() + (broken ? random.NextDouble() * 30 : 0), () => receive(call));
            if (Chance(@case.Duplicates))
            {
                counts.Doubled++;
                time.After(Delay() + random.NextDouble() * 30, () => receive(call));
            }
        }

        if (timeout < double.PositiveInfinity) time.After(timeout, () => Once(() => threw(null)));

        void Answer(Action outcome)
        {
            if (Chance(@case.LostReplies)) counts.LostReplies++;
            else time.After(Delay(), () => Once(outcome));
        }
    }
}
