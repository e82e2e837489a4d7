namespace DistributedGpt.Cli.Tests;

/// <summary>How the command ended.</summary>
internal sealed record DgptResult(int ExitCode, string Output, string Error)
{
    /// <summary>Asserts exit code 1, an empty standard output and one line of error, and gives that line.</summary>
    public string RefusalLine()
    {
        Assert.True(ExitCode == 1, $"exit code {ExitCode}: {Error}");
        Assert.Equal("", Output);
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("error: ", line);
        return line["error: ".Length..];
    }
}
