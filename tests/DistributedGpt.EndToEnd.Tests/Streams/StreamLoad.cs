using System.Diagnostics;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Streams of every kind without end, each compared with what it says undisturbed.</summary>
internal sealed class StreamLoad
{
    private readonly HttpClient _http;
    private readonly StreamRequest[] _requests;
    private readonly string[] _expected;
    private readonly Lock _gate = new();
    private readonly int[] _chunks;
    private readonly long[] _lastChunk;
    private readonly TimeSpan[] _longest;
    private readonly Task[] _workers;
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _stopping;
    private int _streams;

    private StreamLoad(HttpClient http, StreamRequest[] requests, string[] expected)
    {
        _http = http;
        _requests = requests;
        _expected = expected;
        _chunks = new int[requests.Length];
        _lastChunk = new long[requests.Length];
        _longest = new TimeSpan[requests.Length];
        _workers = [.. Enumerable.Range(0, requests.Length).Select(worker => Task.Run(() => RunAsync(worker)))];
    }

    /// <summary>Streams that have ended.</summary>
    public int Streams => _streams;

    /// <summary>What was said instead, where it was not what was expected.</summary>
    public List<string> Mismatches { get; } = [];

    /// <summary>Starts the streams, one of each request at a time.</summary>
    public static async Task<StreamLoad> StartAsync(HttpClient http, StreamRequest[] requests) =>
        new(http, requests, await new RunningStreams(http, requests).EndAsync());

    /// <summary>Waits until so many chunks more have come in all.</summary>
    public Task AdvanceAsync(int chunks)
    {
        long target;
        lock (_gate) target = _chunks.Sum() + chunks;
        return UntilAsync(() => _chunks.Sum() >= target);
    }

    /// <summary>Waits until every stream, or the one after it, has said something more.</summary>
    /// <returns>How long that took.</returns>
    public async Task<TimeSpan> AllAdvanceAsync()
    {
        var watch = Stopwatch.StartNew();
        int[] before;
        lock (_gate) before = [.. _chunks];
        await UntilAsync(() => Enumerable.Range(0, before.Length).All(worker => _chunks[worker] > before[worker]));
        return watch.Elapsed;
    }

    /// <summary>The longest time between two chunks of a stream, for each kind of stream, since this was asked last.</summary>
    public TimeSpan[] TakeLongestGaps()
    {
        lock (_gate)
        {
            TimeSpan[] longest = [.. _longest];
            Array.Clear(_longest);
            return longest;
        }
    }

    /// <summary>Lets the running streams end.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        await Task.WhenAll(_workers).WaitAsync(Waiting.Patience);
    }

    private async Task UntilAsync(Func<bool> reached)
    {
        using var limit = new CancellationTokenSource(Waiting.Patience);
        while (true)
        {
            Task news;
            lock (_gate)
            {
                if (reached()) return;
                news = _news.Task;
            }

            await news.WaitAsync(limit.Token);
        }
    }

    private async Task RunAsync(int worker)
    {
        while (!_stopping)
        {
            lock (_gate) _lastChunk[worker] = 0;
            string text = await _requests[worker].RunAsync(_http, () => Count(worker));
            Interlocked.Increment(ref _streams);
            if (text == _expected[worker]) continue;
            lock (_gate) Mismatches.Add($"expected {_expected[worker]}\nfound {text}");
        }
    }

    private void Count(int worker)
    {
        TaskCompletionSource news;
        lock (_gate)
        {
            _chunks[worker]++;
            long now = Stopwatch.GetTimestamp();
            TimeSpan gap = _lastChunk[worker] == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_lastChunk[worker], now);
            if (gap > _longest[worker]) _longest[worker] = gap;
            _lastChunk[worker] = now;
            news = _news;
            _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        news.TrySetResult();
    }
}
