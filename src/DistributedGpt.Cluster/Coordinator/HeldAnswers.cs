namespace DistributedGpt.Cluster;

/// <summary>
/// The calls of <c>Next</c> that wait for tokens: each is held until there is something to answer, but not for longer than a
/// heartbeat. Used on the coordinator's scheduler only.
/// </summary>
internal sealed class HeldAnswers
{
    /// <summary>So long a call is held.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromMilliseconds(100);

    private readonly Dictionary<Guid, TaskCompletionSource> _waiting = [];

    /// <summary>Waits until there is news for the subscription, for a heartbeat at most; a former call of the subscription is let go.</summary>
    public async Task WaitAsync(Guid subscription, CancellationToken cancellationToken)
    {
        var news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Release(subscription);
        _waiting[subscription] = news;
        try
        {
            await news.Task.WaitAsync(Heartbeat, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
        }

        if (_waiting.TryGetValue(subscription, out TaskCompletionSource? mine) && mine == news) _waiting.Remove(subscription);
    }

    /// <summary>There is news for the subscription.</summary>
    public void Release(Guid subscription)
    {
        if (_waiting.Remove(subscription, out TaskCompletionSource? waiting)) waiting.TrySetResult();
    }

    /// <summary>No more tokens will come from here.</summary>
    public void ReleaseAll()
    {
        foreach (TaskCompletionSource waiting in _waiting.Values) waiting.TrySetResult();
    }
}
