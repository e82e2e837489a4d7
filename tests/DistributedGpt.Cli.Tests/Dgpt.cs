using System.Diagnostics;
using System.Text;
using System.Text.Json;
using DistributedGpt.Tests;
using Xunit.Sdk;
using Xunit.v3;

// Every test starts processes that use all cores.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace DistributedGpt.Cli.Tests;

/// <summary>The built command as a process.</summary>
internal sealed class Dgpt : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly Task<byte[]> _output;

    private Dgpt(IEnumerable<string> args, string? input)
    {
        // A test run in the background ignores Ctrl-C, and would hand that down.
        _process = Process.Start(new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", DllPath, .. args])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, StandardErrorEncoding = Encoding.UTF8,
        })!;
        _output = ReadAsync(_process.StandardOutput.BaseStream);
        if (input is not null) _process.StandardInput.BaseStream.Write(Encoding.UTF8.GetBytes(input));
        _process.StandardInput.Close();
    }

    /// <summary>The command's assembly, beside that of the tests.</summary>
    public static string DllPath { get; } = Path.Combine(AppContext.BaseDirectory, "dgpt.dll");

    /// <summary>Completes when the first byte was printed.</summary>
    public TaskCompletionSource FirstByte { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public StreamReader Error => _process.StandardError;

    public static string Golden(string name) => TestData.Find("golden", name);

    public static Dgpt Start(params string[] args) => new(args, null);

    /// <summary>Runs the command to its end.</summary>
    public static Task<DgptResult> RunAsync(params string[] args) => RunWithInputAsync(null, args);

    public static async Task<DgptResult> RunWithInputAsync(string? input, params string[] args)
    {
        using var dgpt = new Dgpt(args, input);
        return await dgpt.EndAsync();
    }

    /// <summary>Runs <c>generate --json</c>, which must succeed.</summary>
    public static async Task<JsonElement> GenerateAsync(params string[] args)
    {
        DgptResult result = await RunAsync(["generate", .. args, "--json"]);
        Assert.True(result.ExitCode == 0, result.Error);
        return JsonDocument.Parse(result.Output).RootElement;
    }

    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-" + name, _process.Id.ToString()]);
        kill.WaitForExit();
    }

    /// <summary>Waits for the end.</summary>
    public async Task<DgptResult> EndAsync()
    {
        Task<string> error = _process.StandardError.ReadToEndAsync();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return new DgptResult(_process.ExitCode, Encoding.UTF8.GetString(await _output), await error);
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private async Task<byte[]> ReadAsync(Stream stream)
    {
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (await stream.ReadAsync(buffer) is > 0 and int count)
        {
            bytes.Write(buffer, 0, count);
            FirstByte.TrySetResult();
        }

        return bytes.ToArray();
    }
}
