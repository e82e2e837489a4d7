using DistributedGpt.Engine;

namespace DistributedGpt.Transformer.Tests;

/// <summary>
/// The sampler's rules in double precision, with full sorts: obvious and slow. Where a token lies on the border of top-p or min-p,
/// single precision may decide either way: <c>slack</c> shifts the borders.
/// </summary>
internal static class NaiveSampler
{
    public static double[] Probabilities(float[] logits, SamplingOptions options, int[] ids, int promptLength, double slack = 0)
    {
        double[] z = Array.ConvertAll(logits, logit => (double)logit);
        for (int i = 0; i < options.LogitBiasIds.Length; i++) z[options.LogitBiasIds[i]] += options.LogitBiasValues[i];
        for (int id = 0; id < z.Length; id++)
        {
            int generated = ids.Skip(promptLength).Count(other => other == id);
            if (ids.Contains(id)) z[id] = z[id] > 0 ? z[id] / options.RepetitionPenalty : z[id] * options.RepetitionPenalty;
            if (generated > 0) z[id] -= options.PresencePenalty + (double)options.FrequencyPenalty * generated;
        }

        if (ids.Length - promptLength < options.MinTokens)
        {
            foreach (int id in options.IgnoreEos ? options.StopTokenIds : [.. options.EosTokenIds, .. options.StopTokenIds])
            {
                z[id] = double.NegativeInfinity;
            }
        }

        double largest = z.Max();
        double[] weights = Array.ConvertAll(z, x => Math.Exp((x - largest) / options.Temperature));
        int[] ranked = [.. Enumerable.Range(0, z.Length).OrderByDescending(id => z[id]).ThenBy(id => id)];
        if (options.TopK > 0) ranked = [.. ranked.Take(options.TopK)];
        double enough = (double)(decimal)options.TopP * ranked.Sum(id => weights[id]) * (1 - slack);
        double before = 0;
        List<int> kept = [];
        foreach (int id in ranked)
        {
            if (kept.Count > 0 && options.TopP < 1 && before >= enough) break;
            before += weights[id];
            if (kept.Count == 0 || weights[id] >= options.MinP * (1 - slack)) kept.Add(id);
        }

        double sum = kept.Sum(id => weights[id]);
        double[] probabilities = new double[z.Length];
        foreach (int id in kept) probabilities[id] = weights[id] / sum;
        return probabilities;
    }
}
