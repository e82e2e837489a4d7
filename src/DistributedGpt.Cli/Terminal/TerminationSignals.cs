using System.Runtime.InteropServices;

namespace DistributedGpt.Cli;

/// <summary>
/// Ctrl-C and SIGTERM. The first asks the command to end; a second one ends the process at once, and so does the grace period,
/// where there is one.
/// </summary>
internal sealed class TerminationSignals : IDisposable
{
    private readonly CancellationTokenSource _requested = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly TimeSpan? _grace;
    private int _exitCode;

    /// <summary>Begins to listen.</summary>
    /// <param name="grace">So long after the first signal the process ends, whatever it does.</param>
    public TerminationSignals(TimeSpan? grace = null)
    {
        _grace = grace;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Handle(context, 130)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Handle(context, 143)),
        ];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Requested => _requested.Token;

    /// <summary>The exit code by convention: 128 and the number of the first signal.</summary>
    public int ExitCode => _exitCode;

    /// <summary>Runs a command that ends when a signal asks it to.</summary>
    /// <returns>Its exit code: 0, or that of the signal where that broke it off.</returns>
    public static async Task<int> RunAsync(Func<TerminationSignals, Task> command)
    {
        using var signals = new TerminationSignals();
        try
        {
            await command(signals);
            return 0;
        }
        catch (OperationCanceledException) when (signals.Requested.IsCancellationRequested)
        {
            return signals.ExitCode;
        }
    }

    /// <summary>Waits for the first signal.</summary>
    public async Task WaitAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = Requested.Register(ended.SetResult);
        await ended.Task;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
        _requested.Dispose();
    }

    private void Handle(PosixSignalContext context, int exitCode)
    {
        context.Cancel = true;
        if (Interlocked.CompareExchange(ref _exitCode, exitCode, 0) != 0) Environment.Exit(exitCode);
        if (_grace is { } grace) _ = ExitAfterAsync(grace, exitCode);
        _requested.Cancel();
    }

    private static async Task ExitAfterAsync(TimeSpan grace, int exitCode)
    {
        await Task.Delay(grace);
        Environment.Exit(exitCode);
    }
}
