namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Streams that run at the same time, and the moments when they have come so far.</summary>
internal sealed class RunningStreams
{
    private readonly Lock _gate = new();
    private readonly List<(Func<bool> IsReached, TaskCompletionSource Reached)> _waiting = [];
    private readonly Task<string[]> _texts;
    private readonly int[] _chunks;

    public RunningStreams(HttpClient http, IReadOnlyList<StreamRequest> requests)
    {
        _chunks = new int[requests.Count];
        _texts = Task.WhenAll(requests.Select((request, stream) => request.RunAsync(http, () => Count(stream))));
    }

    /// <summary>What they say, once all have ended.</summary>
    public Task<string[]> EndAsync() => _texts.WaitAsync(Waiting.Patience);

    /// <summary>Waits until <paramref name="chunks"/> have come in all.</summary>
    public Task ReachAsync(int chunks) => UntilAsync(() => _chunks.Sum() >= chunks);

    /// <summary>Waits until each has begun.</summary>
    public Task BeginAsync() => UntilAsync(() => Array.TrueForAll(_chunks, chunks => chunks > 0));

    private Task UntilAsync(Func<bool> isReached)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (isReached()) return Task.CompletedTask;
            _waiting.Add((isReached, reached));
        }

        return reached.Task.WaitAsync(Waiting.Patience);
    }

    private void Count(int stream)
    {
        lock (_gate)
        {
            _chunks[stream]++;
            foreach ((Func<bool> isReached, TaskCompletionSource reached) in _waiting)
            {
                if (isReached()) reached.TrySetResult();
            }
        }
    }
}
