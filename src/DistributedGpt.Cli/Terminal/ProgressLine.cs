namespace DistributedGpt.Cli;

/// <summary>
/// One line on the terminal that tells how far something is. It appears after a second, rewrites itself, and is gone in the end; in
/// a pipe there is nothing of it.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly bool _shown = !Console.IsErrorRedirected;
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private int _width;
    private bool _ended;

    /// <summary>Shows <paramref name="text"/> instead of what is there.</summary>
    public void Show(string text)
    {
        if (!_shown || TimeProvider.System.GetElapsedTime(_started) < Patience) return;
        lock (_gate)
        {
            if (_ended) return;
            Console.Error.Write("\r" + text.PadRight(_width));
            _width = text.Length;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            if (_width > 0) Console.Error.Write("\r" + new string(' ', _width) + "\r");
        }
    }
}
