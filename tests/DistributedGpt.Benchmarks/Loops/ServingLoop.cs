using DistributedGpt.Cli;
using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>A way to continue prompts.</summary>
internal abstract class ServingLoop
{
    /// <summary>Continues the prompts of <paramref name="work"/>, in each round other ones.</summary>
    public abstract Task<LoopSpeed> RunAsync(Workload work, int round, CancellationToken cancellation);

    /// <summary>Refuses a model that cannot hold a prompt with its continuation.</summary>
    /// <exception cref="InputException">Its context is too short.</exception>
    public static void ThrowIfTooShort(ModelFolder folder, Workload work)
    {
        if (folder.Config.ContextLength < work.Positions)
            throw new InputException($"{folder.Path}: context: expected at least {work.Positions} tokens, found {folder.Config.ContextLength}");
    }
}
