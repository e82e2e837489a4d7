using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Benchmarks;

/// <summary>The whole way of a token: client, coordinator, scheduler, stages, delivery, text. Tokens count when the client has them.</summary>
internal sealed class ClusterLoop(IServedModel model) : ServingLoop
{
    /// <inheritdoc/>
    public override async Task<LoopSpeed> RunAsync(Workload work, int round, CancellationToken cancellation)
    {
        GenerateRequest[] all = [.. Enumerable.Range(0, work.Requests).Select(request => new GenerateRequest
        {
            Id = Guid.NewGuid(),
            PromptIds = work.Prompt(request, round, model.Info.VocabularySize),
            MaxTokens = work.GeneratedTokens,
            Sampling = new SamplingOptions { IgnoreEos = true },
            CacheSalt = $"{work} {round}",
        })];
        long begin = Stopwatch.GetTimestamp();
        long[][] arrivals = await Task.WhenAll(all.Select(request => GenerateAsync(request, cancellation)));

        // From the moment that all have their first token to the end of the first.
        long allBegun = arrivals.Max(times => times[0]);
        long firstEnded = arrivals.Min(times => times[^1]);
        int decoded = arrivals.Sum(times => times.Count(time => time > allBegun && time <= firstEnded));
        return new LoopSpeed(
            work.Requests * work.PromptTokens / Stopwatch.GetElapsedTime(begin, allBegun).TotalSeconds,
            decoded / Stopwatch.GetElapsedTime(allBegun, firstEnded).TotalSeconds);
    }

    /// <summary>When each of a request's tokens came.</summary>
    private async Task<long[]> GenerateAsync(GenerateRequest request, CancellationToken cancellation)
    {
        List<long> times = [];
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], cancellation))
            times.AddRange(Enumerable.Repeat(Stopwatch.GetTimestamp(), chunk.Tokens.Count));
        return [.. times];
    }
}
