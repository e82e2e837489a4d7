using System.Threading.Channels;
using DistributedGpt.Engine;

namespace DistributedGpt.Client;

/// <summary>
/// A request from its first submission to its end, at one replica after the other: what it was answered so far goes with it, and
/// its reader sees no difference. Its replica changes where the one that it is at does not answer, or computes nothing for a while,
/// and another serves; the copy that it leaves behind is cancelled there.
/// </summary>
internal sealed class OpenStream
{
    private readonly Func<Subscription?, CancellationToken, Task<Subscription>> _route;
    private readonly Lock _gate = new();

    // The request's own limit bounds what waits here, so a slow reader holds nobody up.
    private readonly Channel<TokenEvent> _tokens = Channel.CreateUnbounded<TokenEvent>(new UnboundedChannelOptions { SingleReader = true });
    private Subscription? _at;
    private bool _closed;
    private bool _moving;

    /// <summary>A request that was not submitted yet.</summary>
    /// <param name="request">The request.</param>
    /// <param name="route">Chooses a replica, rather not the one that is given.</param>
    public OpenStream(GenerateRequest request, Func<Subscription?, CancellationToken, Task<Subscription>> route)
    {
        _route = route;
        Ledger = new StreamLedger(request);
    }

    /// <summary>What was delivered; used under the lock of the subscription that has it.</summary>
    public StreamLedger Ledger { get; }

    /// <summary>
    /// The tokens, those of one completion in order; ends when every completion has, and fails with
    /// <see cref="RequestRefusedException"/> if the request is refused.
    /// </summary>
    public ChannelReader<TokenEvent> Tokens => _tokens.Reader;

    /// <summary>Where the subscription puts them.</summary>
    public ChannelWriter<TokenEvent> Writer => _tokens.Writer;

    /// <summary>Submits the request.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Subscription to = await IdempotentCall.RepeatAsync(() => _route(null, cancellationToken), cancellationToken);
        lock (_gate)
        {
            _at = to;
            to.Add(this);
        }
    }

    /// <summary>Ends the request, whose tokens nobody wants any more; one that has ended is left alone.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _at?.Remove(this);
        }
    }

    /// <summary>Ends one of several completions; what has ended is left alone.</summary>
    public void Stop(int completion)
    {
        lock (_gate) _at?.Stop(this, completion);
    }

    /// <summary>Looks for another replica than the one that is in trouble, and goes there if there is one.</summary>
    public async Task LeaveAsync(Subscription from, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_moving || _closed || _at != from) return;
            _moving = true;
        }

        try
        {
            Subscription to = await _route(from, cancellationToken);
            lock (_gate)
            {
                if (to == from || _closed || !from.Remove(this)) return;
                _at = to;
                to.Add(this);
            }
        }
        catch (Exception e) when (e is OrleansException or TimeoutException or OperationCanceledException)
        {
            // Whoever chooses does not answer either: it is asked again while the trouble lasts.
        }
        finally
        {
            lock (_gate) _moving = false;
        }
    }
}
