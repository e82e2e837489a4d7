namespace DistributedGpt.Benchmarks;

/// <summary>Requests at once, greedy and all as long.</summary>
/// <param name="Requests">Their number.</param>
/// <param name="PromptTokens">Tokens of each prompt.</param>
/// <param name="GeneratedTokens">Tokens that each generates.</param>
internal readonly record struct Workload(int Requests, int PromptTokens = 128, int GeneratedTokens = 32)
{
    /// <summary>Positions that a sequence needs.</summary>
    public int Positions => PromptTokens + GeneratedTokens;

    /// <summary>The prompt of a request, in each round another one.</summary>
    public int[] Prompt(int request, int round, int vocabulary)
    {
        var random = new Random(HashCode.Combine(request, round));
        return [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(vocabulary))];
    }
}
