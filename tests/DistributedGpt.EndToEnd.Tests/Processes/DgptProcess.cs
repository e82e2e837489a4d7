using System.Diagnostics;
using System.Text;
using Xunit.Sdk;
using Xunit.v3;

// Every test starts processes that use all cores.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>The built command, or another, as a process whose standard error is read line by line.</summary>
internal sealed class DgptProcess : IAsyncDisposable
{
    private static readonly string s_dll = Path.Combine(AppContext.BaseDirectory, "dgpt.dll");

    private readonly Process _process;
    private readonly StringBuilder _error = new();
    private readonly List<(Func<string, bool> Wanted, TaskCompletionSource<string> Line)> _waiting = [];
    private readonly Task<string> _output;
    private readonly Task _errorEnd;

    private DgptProcess(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _output = _process.StandardOutput.ReadToEndAsync();
        _errorEnd = Task.Run(ReadErrorAsync);
    }

    /// <summary>The system's number of it.</summary>
    public int Id => _process.Id;

    /// <summary>What it has written to standard error.</summary>
    public string Error
    {
        get
        {
            lock (_error) return _error.ToString();
        }
    }

    /// <summary>The words that run the command with these arguments.</summary>
    public static IEnumerable<string> Command(params IEnumerable<string> args) => ["dotnet", s_dll, .. args];

    /// <summary>Starts the command.</summary>
    public static DgptProcess Start(params IEnumerable<string> args) => new(new ProcessStartInfo("dotnet", [s_dll, .. args]));

    /// <summary>Starts the command with these variables besides those of this process.</summary>
    public static DgptProcess Start(IReadOnlyDictionary<string, string> environment, params IEnumerable<string> args) => Start(environment, [], args);

    /// <summary>The same with words before the command.</summary>
    public static DgptProcess Start(IReadOnlyDictionary<string, string> environment, IEnumerable<string> before, IEnumerable<string> args)
    {
        string[] words = [.. before, .. Command(args)];
        var start = new ProcessStartInfo(words[0], words[1..]);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return new DgptProcess(start);
    }

    /// <summary>Starts any command.</summary>
    public static DgptProcess Start(ProcessStartInfo start) => new(start);

    /// <summary>Runs the command to its end and gives its standard output; it must succeed.</summary>
    public static async Task<string> RunAsync(params IEnumerable<string> args)
    {
        await using DgptProcess process = Start(args);
        (int exitCode, string output) = await process.EndAsync();
        Assert.True(exitCode == 0, $"dgpt {string.Join(' ', args)}: exit code {exitCode}: {process.Error}");
        return output;
    }

    /// <summary>The next line on standard error that is wanted, or one that has been written already.</summary>
    public async Task<string> LineAsync(Func<string, bool> wanted)
    {
        var line = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_error)
        {
            if (_error.ToString().Split('\n').FirstOrDefault(wanted) is { } found) return found;
            _waiting.Add((wanted, line));
        }

        return await line.Task.WaitAsync(Waiting.Patience);
    }

    /// <summary>Kills it without a chance to do anything, and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        Signal("KILL");
        await _process.WaitForExitAsync().WaitAsync(Waiting.Patience);
    }

    /// <summary>Sends a signal.</summary>
    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-" + name, _process.Id.ToString()]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    public async Task<(int ExitCode, string Output)> EndAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Waiting.Patience);
        await _errorEnd;
        return (_process.ExitCode, await _output);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private async Task ReadErrorAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_error)
            {
                _error.Append(line).Append('\n');
                foreach ((Func<string, bool> wanted, TaskCompletionSource<string> waiting) in _waiting.ToArray())
                {
                    if (wanted(line)) waiting.TrySetResult(line);
                }
            }
        }

        lock (_error)
        {
            foreach ((_, TaskCompletionSource<string> waiting) in _waiting) waiting.TrySetException(new EndOfStreamException($"the process ended: {_error}"));
        }
    }
}
