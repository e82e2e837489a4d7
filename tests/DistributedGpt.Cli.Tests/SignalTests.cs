using System.Diagnostics;

namespace DistributedGpt.Cli.Tests;

public sealed class SignalTests
{
    /// <summary>Minutes of work for the little model, unless it is ended.</summary>
    private static readonly string[] Endless =
        ["generate", "Once more", "--model", Dgpt.Golden("llama"), "--temperature", "1", "--ignore-eos", "--n", "128", "--max-tokens", "250"];

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task Generate_Signal_EndsSoonAndKeepsTheText(string signal, int exitCode)
    {
        using Dgpt dgpt = Dgpt.Start(Endless);
        await dgpt.FirstByte.Task.WaitAsync(TimeSpan.FromMinutes(1));
        var watch = Stopwatch.StartNew();
        dgpt.Signal(signal);
        DgptResult result = await dgpt.EndAsync();

        // A second on a machine that does nothing else.
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 5);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.NotEqual("", result.Output);
        Assert.Equal("", result.Error);
    }

    [Fact]
    public async Task Generate_ReaderLeaves_EndsQuietly()
    {
        string command = $"set -o pipefail; dotnet '{Dgpt.DllPath}' {string.Join(' ', Endless.Select(arg => $"'{arg}'"))} | head -c 1";
        using Process shell = Process.Start(new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = shell.StandardOutput.ReadToEndAsync(), error = shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(0, shell.ExitCode);
        Assert.Equal(1, (await output).Length);
        Assert.Equal("", await error);
    }
}
