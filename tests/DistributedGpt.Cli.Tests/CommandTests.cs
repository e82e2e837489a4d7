using DistributedGpt.Tests;

namespace DistributedGpt.Cli.Tests;

public sealed class CommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dgpt-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Version_IsPrinted()
    {
        DgptResult result = await Dgpt.RunAsync("--version");

        Assert.Equal((0, "0.1.0\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public async Task UnknownCommand_IsRefused() => Assert.Contains("'bogus'", (await Dgpt.RunAsync("bogus")).RefusalLine());

    [Fact]
    public async Task Doctor_TellsOfTheMachineAndSucceeds()
    {
        DgptResult result = await Dgpt.RunAsync("doctor");

        Assert.Equal(0, result.ExitCode);
        foreach (string subject in new[] { ".NET", "processor", "memory speed", "GPU", "libtorch", "port 8080", "port 11111", "port 30000", "disk" })
            Assert.Contains($" {subject}: ", result.Output);
        Assert.Matches(@"\d+\.\d GB/s", result.Output);
    }

    [Fact]
    public async Task Train_SmallText_MakesAModelThatGenerates()
    {
        string data = Path.Combine(_folder, "data.txt"), output = Path.Combine(_folder, "model");
        await File.WriteAllTextAsync(data, File.ReadAllText(TestData.Find("tinyshakespeare.txt"))[..40_000]);
        DgptResult trained = await Dgpt.RunAsync(
            "train", "--data", data, "--out", output, "--layers", "1", "--hidden", "32", "--heads", "2", "--context", "32", "--vocabulary", "300", "--batch", "4",
            "--steps", "20", "--warmup-steps", "2", "--evaluation-interval", "10");
        DgptResult generated = await Dgpt.RunAsync("generate", "ROMEO:", "--model", output, "--max-tokens", "5", "--ignore-eos");

        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Equal("", trained.Error);
        Assert.Matches(@"parameters, \d+\.\d{4} nats per character where it was selected, \d+\.\d{4} held out\n$", trained.Output);
        Assert.True(generated.ExitCode == 0, generated.Error);
        Assert.Contains("5 generated", generated.Error);
    }

    [Theory]
    [InlineData("info --config")]
    [InlineData("silo --cluster redis://localhost --config")]
    public async Task Config_WithoutAFile_IsRefused(string command) =>
        Assert.Equal("Required argument missing for option: '--config'.", (await Dgpt.RunAsync(command.Split(' '))).RefusalLine());

    [Theory]
    [InlineData("train", "Option '--data' is required.")]
    [InlineData("train --data nowhere.txt --out {0}", "--data: there is no file nowhere.txt")]
    [InlineData("train --data nowhere.txt --out {0} --layers 0", "--layers: expected a whole number from 1 to 2147483647, found '0'")]
    public async Task Train_BadInput_IsOneLineOfError(string command, string expected) =>
        Assert.Equal(expected, (await Dgpt.RunAsync(string.Format(command, _folder).Split(' '))).RefusalLine());

    [Theory]
    [InlineData("fast")]
    [InlineData("1:2,1:3")]
    [InlineData("0:1")]
    [InlineData("8:-1")]
    public async Task Silo_BadLayerTimes_AreRefused(string times) => Assert.Equal(
        $"--layer-ms: expected milliseconds by tokens in a step such as 1:2.5,64:9, found '{times}'",
        (await Dgpt.RunAsync("silo", "--cluster", "redis://localhost", "--layer-ms", times)).RefusalLine());
}
