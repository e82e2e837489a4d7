namespace DistributedGpt.Client;

/// <summary>
/// Repeats a grain call that changes nothing until it is answered: while a silo that has just died is being replaced, calls to it
/// fail, and its clients should see no more than a pause.
/// </summary>
internal static class IdempotentCall
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Makes the call, at most for ten seconds.</summary>
    /// <exception cref="OrleansException">It failed to the end.</exception>
    /// <exception cref="TimeoutException">It was not answered to the end.</exception>
    public static async Task<T> RepeatAsync<T>(Func<Task<T>> call, CancellationToken cancellationToken)
    {
        long started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await call().WaitAsync(cancellationToken);
            }
            catch (Exception e) when (e is OrleansException or TimeoutException && TimeProvider.System.GetElapsedTime(started) < Patience)
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }
}
