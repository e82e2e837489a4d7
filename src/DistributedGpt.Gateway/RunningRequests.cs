namespace DistributedGpt.Gateway;

/// <summary>The requests that a gateway serves at the moment. While it drains, none is added.</summary>
public sealed class RunningRequests
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    /// <summary>Whether new requests are refused.</summary>
    public bool Draining { get; private set; }

    /// <summary>How many requests are being served.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _count;
        }
    }

    /// <summary>Counts a request in; disposing the result counts it out. Null while draining.</summary>
    public IDisposable? TryEnter()
    {
        lock (_gate)
        {
            if (Draining) return null;
            _count++;
            return new Lease(this);
        }
    }

    /// <summary>Refuses new requests from now on, and waits until those that run have ended.</summary>
    public Task DrainAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Draining = true;
            if (_count == 0) _drained.TrySetResult();
        }

        return _drained.Task.WaitAsync(cancellationToken);
    }

    private void Exit()
    {
        lock (_gate)
        {
            if (--_count == 0 && Draining) _drained.TrySetResult();
        }
    }

    private sealed class Lease(RunningRequests requests) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0) requests.Exit();
        }
    }
}
