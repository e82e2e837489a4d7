namespace DistributedGpt.Transformer;

/// <summary>
/// Sequences of random tokens in which a few short phrases come again and again. All that can be learned from them is to look up
/// what followed a token before (induction heads, Olsson et al. 2022), which a model that begins as <see cref="AttentionStart"/> makes
/// it learns here in about a hundred steps, and from a megabyte of text hardly at all.
/// </summary>
internal static class RepeatedPhrases
{
    private const int FewestPhrases = 4;
    private const int MostPhrases = 24;
    private const int ShortestPhrase = 2;
    private const int LongestPhrase = 6;

    /// <summary>Sequences <c>[batch, context + 1]</c> of tokens below <paramref name="vocabulary"/>.</summary>
    public static int[][] Batch(TrainingOptions options, int vocabulary, int step)
    {
        Random random = new(unchecked(options.Seed * 1_000_003 + step * 104_729));
        return [.. Enumerable.Range(0, options.Batch).Select(_ => Sequence(random, options.Context + 1, vocabulary))];
    }

    private static int[] Sequence(Random random, int length, int vocabulary)
    {
        int[][] phrases = new int[random.Next(FewestPhrases, MostPhrases + 1)][];
        for (int i = 0; i < phrases.Length; i++)
        {
            phrases[i] = [.. Enumerable.Range(0, random.Next(ShortestPhrase, LongestPhrase + 1)).Select(_ => random.Next(vocabulary))];
        }
        List<int> tokens = [];
        while (tokens.Count < length) tokens.AddRange(phrases[random.Next(phrases.Length)]);
        return [.. tokens[..length]];
    }
}
