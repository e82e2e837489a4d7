namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Streams that run at the same time, and the moments when they have come so far.</summary>
internal sealed class RunningStreams
{
    private readonly Lock _gate = new();
    private readonly List<(int Chunks, TaskCompletionSource Reached)> _waiting = [];
    private readonly Task<string[]> _texts;
    private int _chunks;

    public RunningStreams(HttpClient http, IEnumerable<StreamRequest> requests) =>
        _texts = Task.WhenAll(requests.Select(request => request.RunAsync(http, Count)));

    /// <summary>What they say, once all have ended.</summary>
    public Task<string[]> EndAsync() => _texts.WaitAsync(Waiting.Patience);

    /// <summary>Waits until <paramref name="chunks"/> have come in all.</summary>
    public Task ReachAsync(int chunks)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_chunks >= chunks) return Task.CompletedTask;
            _waiting.Add((chunks, reached));
        }

        return reached.Task.WaitAsync(Waiting.Patience);
    }

    private void Count()
    {
        lock (_gate)
        {
            _chunks++;
            foreach ((int chunks, TaskCompletionSource reached) in _waiting)
            {
                if (_chunks >= chunks) reached.TrySetResult();
            }
        }
    }
}
