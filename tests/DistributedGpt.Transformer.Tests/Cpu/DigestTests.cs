using System.Diagnostics;
using DistributedGpt.Digest;
using DistributedGpt.Models;
using DistributedGpt.Tests;

namespace DistributedGpt.Transformer.Tests;

/// <summary>The bits of the golden models' and the bundled model's logits on every kind of machine: processes with features switched off, and digests that stand here.</summary>
public sealed class DigestTests
{
    private static readonly string[] Folders =
    [
        TestData.Find("golden", "gpt2"),
        TestData.Find("golden", "llama3-head-dim"),
        TestData.Find("golden", "qwen3-tied-bf16-old-spelling"),
        TestData.Find("golden", "llama-biases-f16"),
        Path.Combine(TestData.RepositoryRoot, "models", "shakespeare"),
    ];

    /// <summary>They change only together with <see cref="CpuBackend.KernelsVersion"/>, the last also with the bundled model.</summary>
    private static readonly string[] Digests =
    [
        "a00361ea01b4e13a1faa35e8d51ec786",
        "3bef55afedf30c184f4db7381c52358f",
        "583e02c8d6141f79a18b6900403fdd12",
        "390b34225a8aa99216edf5dedf871323",
        "1edba05dce88aeefd3292f65826fe156",
    ];

    [Fact]
    public void Logits_InThisProcess_HaveTheBitsOfEveryMachine()
    {
        Assert.Equal(Digests, Folders.Select(path =>
        {
            using ModelFolder folder = ModelFolder.Open(path);
            return LogitsDigest.Of(folder, threads: 1);
        }));
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task Logits_WithFeaturesSwitchedOff_HaveTheBitsOfEveryMachine(string feature)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(LogitsDigest).Assembly.Location);
        foreach (string folder in Folders) start.ArgumentList.Add(folder);
        start.Environment[feature] = "0";
        using Process process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Digests, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
