namespace DistributedGpt.Reference;

/// <summary>What the reference computes for a sequence.</summary>
public sealed class ReferenceResult
{
    /// <summary>The residual stream after the embedding and after each layer, <c>[layers + 1][tokens][hidden]</c>.</summary>
    public required double[][][] Hidden { get; init; }

    /// <summary>After the final norm, <c>[tokens][hidden]</c>.</summary>
    public required double[][] FinalNorm { get; init; }

    /// <summary>The logits of every token, <c>[tokens][vocabulary]</c>.</summary>
    public required double[][] Logits { get; init; }

    /// <summary>The natural log-probability of <paramref name="id"/> following the token at <paramref name="position"/>.</summary>
    public double LogProbability(int position, int id)
    {
        double[] logits = Logits[position];
        double largest = logits.Max();
        return logits[id] - largest - Math.Log(logits.Sum(logit => Math.Exp(logit - largest)));
    }

    /// <summary>The most probable id after the token at <paramref name="position"/>; the lowest of equal ones.</summary>
    public int MostProbable(int position) => Array.IndexOf(Logits[position], Logits[position].Max());
}
