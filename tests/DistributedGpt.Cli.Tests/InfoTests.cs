namespace DistributedGpt.Cli.Tests;

public sealed class InfoTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public async Task Info_Gpt3_CountsItsParameters()
    {
        await File.WriteAllTextAsync(_file, """
            {"model_type": "gpt2", "n_layer": 96, "n_embd": 12288, "n_head": 96, "n_inner": 49152, "n_positions": 2048, "vocab_size": 50257}
            """);
        DgptResult result = await Dgpt.RunAsync("info", "--config", _file);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(["6,291,456", "603,979,776", "57,982,058,496"], Row(result.Output, "attention weights"));
        Assert.Equal(["174,604,259,328"], Row(result.Output, "total "));
        Assert.Equal(["175,221,817,344"], Row(result.Output, "total with the unembedding separate"));
        Assert.StartsWith("9,437,184 B", Row(result.Output, "KV cache per token")[0]);
    }

    [Fact]
    public async Task Info_ModelFolder_NeedsItsConfigOnly()
    {
        DgptResult result = await Dgpt.RunAsync("info", "--model", Dgpt.Golden("llama"));

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(["384"], Row(result.Output, "vocabulary"));
    }

    [Fact]
    public async Task Info_BadConfig_NamesWhatIsWrong()
    {
        await File.WriteAllTextAsync(_file, "{}");

        Assert.Contains("model_type", (await Dgpt.RunAsync("info", "--config", _file)).RefusalLine());
    }

    private static string[] Row(string output, string name)
    {
        string line = output.Split('\n').First(line => line.TrimStart().StartsWith(name, StringComparison.Ordinal));
        return [.. line.Split('│').Skip(1).Select(cell => cell.Trim()).Where(cell => cell.Length > 0)];
    }
}
