namespace DistributedGpt.Engine;

/// <summary>
/// How fast a pipeline of S stages serves R requests at once. The coordinator keeps g = min(R, S) steps in flight, each of
/// max(1, R / S) tokens. A stage's time is that of its layers and of the way to the next stage; the slowest takes t, a pass
/// through all of them p. After max(g t, p) each request has its next token. Stages that a loss has brought to one silo wait for
/// each other there, and take as long as all of them.
/// </summary>
internal sealed class PipelineSpeed
{
    /// <summary>The speed of a plan.</summary>
    public PipelineSpeed(StageCosts costs, StagePlan plan, double requests)
    {
        PlanStage[] stages = plan.Stages;
        Requests = requests;
        StepsInFlight = Math.Min(requests, stages.Length);
        TokensPerStep = Math.Max(1, requests / stages.Length);
        StageMilliseconds = new double[stages.Length];
        for (int i = 0; i < stages.Length; i++)
        {
            double hop = costs.HopMilliseconds(stages[i], i + 1 < stages.Length ? stages[i + 1].Silo : null, TokensPerStep);
            double time = costs.ComputeMilliseconds(stages[i], TokensPerStep) + hop;
            StageMilliseconds[i] = time;
            PassMilliseconds += time;
            NetworkMilliseconds += hop;
            double busy = time;
            for (int other = 0; other < i; other++)
            {
                if (stages[other].Silo == stages[i].Silo) busy += StageMilliseconds[other];
            }

            if (busy <= SlowestMilliseconds) continue;
            SlowestMilliseconds = busy;
            SlowestHopMilliseconds = hop;
            SlowestStage = i;
        }
    }

    /// <summary>Requests at once, R.</summary>
    public double Requests { get; }

    /// <summary>Steps in flight, g.</summary>
    public double StepsInFlight { get; }

    /// <summary>Tokens in a step; a mean, so not always whole.</summary>
    public double TokensPerStep { get; }

    /// <summary>The time of each stage.</summary>
    public double[] StageMilliseconds { get; }

    /// <summary>The slowest stage, or the last of those on the slowest silo.</summary>
    public int SlowestStage { get; }

    /// <summary>Its time, t.</summary>
    public double SlowestMilliseconds { get; }

    /// <summary>The part of it that is the way to the next stage.</summary>
    public double SlowestHopMilliseconds { get; }

    /// <summary>The time of a pass through all stages, p.</summary>
    public double PassMilliseconds { get; }

    /// <summary>The part of it that is on the network.</summary>
    public double NetworkMilliseconds { get; }

    /// <summary>Whether a token's own way is longer than the steps in flight keep the slowest stage busy.</summary>
    public bool IsPassLimited => PassMilliseconds > StepsInFlight * SlowestMilliseconds * (1 + 1e-9);

    /// <summary>Tokens per second of all requests together.</summary>
    public double TokensPerSecond => 1000 * Requests / Math.Max(StepsInFlight * SlowestMilliseconds, PassMilliseconds);
}
