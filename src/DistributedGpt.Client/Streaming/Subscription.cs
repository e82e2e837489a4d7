using System.Threading.Channels;
using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>
/// The one subscription of this process to a coordinator: one pull loop, whatever the number of requests. It drives a
/// <see cref="StreamSubscription"/>, which decides what is submitted and which tokens count.
/// <para>
/// Roles: callers open requests and read their tokens from a channel; the loop pulls batches and hands the tokens out; each
/// submission is a call of its own, so a slow one delays nobody.
/// </para>
/// <para>
/// Phases of the loop: asleep while there are no requests; else one call of Next at a time. A call that is not answered within
/// 400 ms is given up, and every request is submitted again with the ids that it has; an answer that comes later is dropped,
/// since the coordinator repeats what was not acknowledged.
/// </para>
/// <para>
/// Crash case: a coordinator that dies or moves is met by the same silence, or by an answer of another session. Ending the
/// subscription without cancelling leaves its requests to the coordinator's own time-out.
/// </para>
/// </summary>
internal sealed class Subscription : IAsyncDisposable
{
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(50);

    private readonly ICoordinatorGrain _coordinator;
    private readonly Lock _gate = new();
    private readonly StreamSubscription _state = new(Guid.NewGuid());
    private readonly Dictionary<Guid, ChannelWriter<TokenEvent>> _readers = [];
    private readonly SemaphoreSlim _opened = new(0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _loop;

    /// <summary>A subscription to that coordinator.</summary>
    public Subscription(ICoordinatorGrain coordinator)
    {
        _coordinator = coordinator;
        _loop = Task.Run(PullAsync);
    }

    /// <summary>
    /// Submits a request. Its tokens come in the channel, those of one completion in order; the channel ends when every completion
    /// has, and fails with <see cref="RequestRefusedException"/> if the request is refused.
    /// </summary>
    public ChannelReader<TokenEvent> Open(GenerateRequest request)
    {
        // The request's own limit bounds what waits here, so a slow reader holds nobody up.
        var channel = Channel.CreateUnbounded<TokenEvent>(new UnboundedChannelOptions { SingleReader = true });
        var ledger = new StreamLedger(request);
        lock (_gate)
        {
            _state.Add(ledger);
            _readers.Add(request.Id, channel.Writer);
        }

        _ = SubmitAsync(ledger);
        _opened.Release();
        return channel.Reader;
    }

    /// <summary>Ends a request whose tokens nobody wants any more; one that has ended is left alone.</summary>
    public void Close(Guid request)
    {
        lock (_gate)
        {
            if (!_readers.Remove(request)) return;
            _state.Remove(request);
        }

        _ = CancelAsync(request);
    }

    /// <summary>Ends one of several completions of a request; what has ended is left alone.</summary>
    public void Stop(Guid request, int completion)
    {
        StreamLedger? ledger;
        lock (_gate)
        {
            ledger = _state.Find(request);
            ledger?.Stop(completion);
        }

        if (ledger is not null) _ = SubmitAsync(ledger);
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
                while (HasRequests()) await PullOnceAsync();
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
        }
        catch (TimeoutException)
        {
            lock (_gate) _state.Silent();
        }
        catch (OrleansException)
        {
            lock (_gate) _state.Silent();
            await Task.Delay(RetryPause, _stopping.Token);
        }

        StreamLedger[] due;
        lock (_gate) due = [.. _state.Due];
        foreach (StreamLedger ledger in due) _ = SubmitAsync(ledger);
    }

    private void HandOut(TokenBatch batch)
    {
        List<TokenEvent> tokens = [];
        List<Guid> strangers = [];
        lock (_gate)
        {
            _state.Receive(batch, tokens, strangers);
            foreach (TokenEvent token in tokens)
            {
                if (_readers.TryGetValue(token.Sequence.Request, out ChannelWriter<TokenEvent>? reader)) reader.TryWrite(token);
            }

            foreach (Guid request in tokens.Select(token => token.Sequence.Request).Distinct())
            {
                if (!_state.Contains(request) && _readers.Remove(request, out ChannelWriter<TokenEvent>? reader)) reader.Complete();
            }
        }

        foreach (Guid request in strangers) _ = CancelAsync(request);
    }

    private async Task SubmitAsync(StreamLedger ledger)
    {
        GenerateRequest request;
        lock (_gate)
        {
            if (ledger.State != StreamState.NeedsSubmit) return;
            request = ledger.Submit();
        }

        try
        {
            DeliverySession? session = await _coordinator.Submit(request, _state.Id);
            if (session is null) await Task.Delay(RetryPause, _stopping.Token);
            lock (_gate) ledger.Submitted(request.Submission, session);
        }
        catch (RequestRefusedException e)
        {
            lock (_gate)
            {
                ledger.Refused(request.Submission);
                _state.Remove(request.Id);
                if (_readers.Remove(request.Id, out ChannelWriter<TokenEvent>? reader)) reader.Complete(e);
            }
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            await Task.Delay(RetryPause, CancellationToken.None);
            lock (_gate) ledger.SubmitFailed(request.Submission);
        }
        catch (OperationCanceledException)
        {
            // The client is being disposed.
        }
    }

    private async Task CancelAsync(Guid request)
    {
        try
        {
            await _coordinator.Cancel(request);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            // If it lives on, its next token makes it a stranger, and it is cancelled again.
        }
    }

    private bool HasRequests()
    {
        lock (_gate) return _state.Count > 0;
    }
}
