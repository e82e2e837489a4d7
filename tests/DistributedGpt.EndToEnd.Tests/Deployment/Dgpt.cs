namespace DistributedGpt.EndToEnd.Tests;

/// <summary>What the command thinks of its arguments.</summary>
internal static class Dgpt
{
    /// <summary>Asserts that the arguments of a silo or a gateway are understood: all that is missing is the cluster's Redis.</summary>
    public static async Task AcceptsAsync(params IEnumerable<string> args)
    {
        const string Nowhere = "redis://127.0.0.1:1/x";
        await using DgptProcess process = DgptProcess.Start([.. args, "--cluster", Nowhere]);
        (int exitCode, _) = await process.EndAsync();
        Assert.Equal(1, exitCode);
        Assert.StartsWith($"error: {Nowhere}: Redis cannot be used: ", process.Error);
    }
}
