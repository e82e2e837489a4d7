namespace DistributedGpt.Benchmarks;

/// <summary>What a comparison found: medians over the rounds.</summary>
/// <param name="Name">What it shows.</param>
/// <param name="Base">The arrangement that counts as one.</param>
/// <param name="BaseTokensPerSecond">Its speed.</param>
/// <param name="Other">The other.</param>
/// <param name="OtherTokensPerSecond">Its speed.</param>
/// <param name="Ratio">The median of the rounds' ratios.</param>
internal sealed record ComparisonResult(string Name, string Base, double BaseTokensPerSecond, string Other, double OtherTokensPerSecond, double Ratio)
{
    /// <summary>The medians of the speeds of <paramref name="comparison"/> in each round.</summary>
    public static ComparisonResult Of(Comparison comparison, IReadOnlyList<(double Base, double Other)> rounds) => new(
        comparison.Name,
        comparison.Base.Name, Median.Of(rounds.Select(round => round.Base)),
        comparison.Other.Name, Median.Of(rounds.Select(round => round.Other)),
        Median.Of(rounds.Select(round => round.Other / round.Base)));
}
