namespace DistributedGpt.EndToEnd.Tests;

/// <summary>How tests wait for other processes: for what they say or become, with a limit that only a failure meets.</summary>
internal static class Waiting
{
    /// <summary>The limit.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Asks until the answer is wanted.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> wanted)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            T answer = await ask();
            if (wanted(answer)) return answer;
            await Task.Delay(50, limit.Token);
        }
    }
}
