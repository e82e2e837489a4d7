using System.Diagnostics;
using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>
/// The one subscription of this process to a coordinator: one pull loop, whatever the number of requests. It drives a
/// <see cref="StreamSubscription"/>, which decides what is submitted and which tokens count.
/// <para>
/// Roles: requests are added and removed; the loop pulls batches and hands the tokens out; each submission is a call of its own, so
/// a slow one delays nobody.
/// </para>
/// <para>
/// Phases of the loop: asleep while there are no requests; else one call of Next at a time. A call that is not answered within
/// 400 ms is given up, and every request is submitted again with the ids that it has; an answer that comes later is dropped,
/// since the coordinator repeats what was not acknowledged.
/// </para>
/// <para>
/// Crash case: a coordinator that dies or moves is met by the same silence, or by an answer of another session. While it is silent,
/// or says for a quarter of a second that it recovers, each request looks for another replica: what is sooner, that or the recovery,
/// goes on with it. Ending the subscription without cancelling leaves its requests to the coordinator's own time-out.
/// </para>
/// </summary>
internal sealed class Subscription : IAsyncDisposable
{
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    /// <summary>So long a replica may recover before its requests look for another: most that is planned is over by then.</summary>
    private static readonly TimeSpan RecoveryPatience = TimeSpan.FromMilliseconds(250);

    /// <summary>The pause between two searches for another replica.</summary>
    private static readonly TimeSpan SearchPause = TimeSpan.FromMilliseconds(400);

    private readonly ICoordinatorGrain _coordinator;
    private readonly Lock _gate = new();
    private readonly StreamSubscription _state = new(Guid.NewGuid());
    private readonly Dictionary<Guid, OpenStream> _streams = [];
    private readonly SemaphoreSlim _opened = new(0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;
    private long _served;
    private long _searched;

    /// <summary>A subscription to the coordinator of that key.</summary>
    public Subscription(string key, ICoordinatorGrain coordinator)
    {
        Coordinator = key;
        _coordinator = coordinator;
        _loop = Task.Run(PullAsync);
    }

    /// <summary>The coordinator's key.</summary>
    public string Coordinator { get; }

    /// <summary>Submits a request, with what it was answered elsewhere.</summary>
    public void Add(OpenStream stream)
    {
        lock (_gate)
        {
            _state.Add(stream.Ledger);
            _streams.Add(stream.Ledger.Request, stream);
        }

        _ = SubmitAsync(stream.Ledger);
        _opened.Release();
    }

    /// <summary>Ends a request here; the coordinator is told.</summary>
    /// <returns>False where it has ended.</returns>
    public bool Remove(OpenStream stream)
    {
        Guid request = stream.Ledger.Request;
        int submission;
        lock (_gate)
        {
            if (!_streams.Remove(request)) return false;
            _state.Remove(request);
            stream.Ledger.Leave();
            submission = stream.Ledger.Submission;
        }

        _ = CancelAsync(request, submission);
        return true;
    }

    /// <summary>Ends one of several completions of a request; what has ended is left alone.</summary>
    public void Stop(OpenStream stream, int completion)
    {
        lock (_gate)
        {
            if (_state.Find(stream.Ledger.Request) is null) return;
            stream.Ledger.Stop(completion);
        }

        _ = SubmitAsync(stream.Ledger);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
        _stopping.Dispose();
        _opened.Dispose();
    }

    private async Task PullAsync()
    {
        try
        {
            while (true)
            {
                await _opened.WaitAsync(_stopping.Token);
                _served = Stopwatch.GetTimestamp();

                // Once more after the last one has ended: the coordinator hears that its last tokens have come.
                bool hadRequests;
                do
                {
                    hadRequests = HasRequests();
                    await PullOnceAsync();
                }
                while (hadRequests);
            }
        }
        catch (OperationCanceledException)
        {
            // The client is being disposed.
        }
    }

    private async Task PullOnceAsync()
    {
        DeliveryAck ack;
        lock (_gate) ack = _state.Ack;
        try
        {
            TokenBatch batch = await _coordinator.Next(_state.Id, ack).WaitAsync(Silence, _stopping.Token);
            HandOut(batch);
            if (!batch.Recovers) _served = Stopwatch.GetTimestamp();
            else if (Stopwatch.GetElapsedTime(_served) > RecoveryPatience) SearchAnother();
        }
        catch (TimeoutException)
        {
            lock (_gate) _state.Silent();
            SearchAnother();
        }
        catch (OrleansException)
        {
            lock (_gate) _state.Silent();
            SearchAnother();
            await Task.Delay(RetryPause, _stopping.Token);
        }

        StreamLedger[] due;
        lock (_gate) due = [.. _state.Due];
        foreach (StreamLedger ledger in due) _ = SubmitAsync(ledger);
    }

    private void SearchAnother()
    {
        if (_searched != 0 && Stopwatch.GetElapsedTime(_searched) < SearchPause) return;
        _searched = Stopwatch.GetTimestamp();
        OpenStream[] streams;
        lock (_gate) streams = [.. _streams.Values];
        foreach (OpenStream stream in streams) _ = stream.LeaveAsync(this, _stopping.Token);
    }

    private void HandOut(TokenBatch batch)
    {
        List<TokenEvent> tokens = [];
        List<(Guid Request, int Submission)> strangers = [];
        lock (_gate)
        {
            _state.Receive(batch, tokens, strangers);
            foreach (TokenEvent token in tokens)
            {
                if (_streams.TryGetValue(token.Sequence.Request, out OpenStream? stream)) stream.Writer.TryWrite(token);
            }

            foreach (Guid request in tokens.Select(token => token.Sequence.Request).Distinct())
            {
                if (!_state.Contains(request) && _streams.Remove(request, out OpenStream? stream)) stream.Writer.Complete();
            }
        }

        foreach ((Guid request, int submission) in strangers) _ = CancelAsync(request, submission);
    }

    private async Task SubmitAsync(StreamLedger ledger)
    {
        GenerateRequest request;
        lock (_gate)
        {
            if (!Has(ledger) || ledger.State != StreamState.NeedsSubmit) return;
            request = ledger.Submit();
        }

        try
        {
            DeliverySession? session = await _coordinator.Submit(request, _state.Id);
            if (session is null) await Task.Delay(RetryPause, _stopping.Token);
            lock (_gate)
            {
                if (Has(ledger)) ledger.Submitted(request.Submission, session);
            }
        }
        catch (RequestRefusedException e)
        {
            lock (_gate)
            {
                if (!Has(ledger)) return;
                ledger.Refused(request.Submission);
                _state.Remove(request.Id);
                if (_streams.Remove(request.Id, out OpenStream? stream)) stream.Writer.Complete(e);
            }
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            await Task.Delay(RetryPause, CancellationToken.None);
            lock (_gate)
            {
                if (Has(ledger)) ledger.SubmitFailed(request.Submission);
            }
        }
        catch (OperationCanceledException)
        {
            // The client is being disposed.
        }
    }

    private async Task CancelAsync(Guid request, int submission)
    {
        try
        {
            await _coordinator.Cancel(request, submission);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // If it lives on, its next token makes it a stranger, and it is cancelled again.
        }
    }

    /// <summary>Whether the request is here still: it may have gone to another replica while a call was under way.</summary>
    private bool Has(StreamLedger ledger) => _state.Find(ledger.Request) == ledger;

    private bool HasRequests()
    {
        lock (_gate) return _state.Count > 0;
    }
}
