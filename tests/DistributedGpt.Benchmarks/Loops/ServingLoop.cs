using DistributedGpt.Cli;
using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>A way to continue prompts: greedily, every one as long, some at once.</summary>
internal abstract class ServingLoop
{
    /// <summary>Tokens of a prompt.</summary>
    public const int PromptTokens = 128;

    /// <summary>Tokens that each request generates.</summary>
    public const int GeneratedTokens = 32;

    /// <summary>Continues <paramref name="requests"/> prompts at once, in each round other ones.</summary>
    public abstract Task<LoopSpeed> RunAsync(int requests, int round, CancellationToken cancellation);

    /// <summary>Refuses a model that cannot hold a prompt with its continuation.</summary>
    /// <exception cref="InputException">Its context is too short.</exception>
    public static void ThrowIfTooShort(ModelFolder folder)
    {
        if (folder.Config.ContextLength < PromptTokens + GeneratedTokens)
            throw new InputException($"{folder.Path}: context: expected at least {PromptTokens + GeneratedTokens} tokens, found {folder.Config.ContextLength}");
    }

    /// <summary>The prompt of a request.</summary>
    protected static int[] Prompt(int request, int round, int vocabulary)
    {
        var random = new Random(HashCode.Combine(request, round));
        return [.. Enumerable.Range(0, PromptTokens).Select(_ => random.Next(vocabulary))];
    }
}
