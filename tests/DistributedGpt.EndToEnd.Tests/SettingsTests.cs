namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Options from the command line, the environment and a file.</summary>
public sealed class SettingsTests : IDisposable
{
    private const string Nowhere = "redis://127.0.0.1:1/x";

    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("""{"memory": "file"}""", null, "", "{file}: memory: expected a size such as 8GiB or 512MiB, found 'file'")]
    [InlineData("""{"memory": "file"}""", "environment", "", "DGPT_MEMORY: expected a size such as 8GiB or 512MiB, found 'environment'")]
    [InlineData("""{"memory": "file"}""", "environment", "--memory=option", "--memory: expected a size such as 8GiB or 512MiB, found 'option'")]
    [InlineData("""{"memory": "1GiB"}""", null, "", Nowhere + ": Redis cannot be used: ")]
    [InlineData("""{"silo-port": 70000}""", null, "", "{file}: silo-port: expected a whole number from 0 to 65535, found '70000'")]
    [InlineData("""{"unencrypted": "maybe"}""", null, "", "{file}: unencrypted: expected true or false, found 'maybe'")]
    [InlineData("""{"address": "192.0.2.1", "unencrypted": false}""", null, "", "{file}: address: other machines reach 192.0.2.1, ")]
    [InlineData("""{"address": "192.0.2.1", "unencrypted": true, /* trusted */ }""", null, "", Nowhere + ": Redis cannot be used: ")]
    [InlineData("""{"memroy": "1GiB"}""", null, "", "{file}: memroy: there is no such option")]
    [InlineData("""{"memory": ["1GiB"]}""", null, "", "{file}: memory: expected a text, a number, true or false, found [\"1GiB\"]")]
    [InlineData("""[]""", null, "", "{file}: expected a JSON object")]
    [InlineData("""{"memory": "1GiB",""", null, "", "{file}: expected a JSON object: ")]
    public async Task Silo_SettingsFromAFileAndTheEnvironment_AreReadInOrder(string json, string? memory, string option, string expected)
    {
        await File.WriteAllTextAsync(_file, json, TestContext.Current.CancellationToken);
        Dictionary<string, string> environment = new() { ["DGPT_CLUSTER"] = Nowhere, ["DGPT_CONFIG"] = _file };
        if (memory is not null) environment["DGPT_MEMORY"] = memory;

        await AssertErrorAsync(environment, ["silo", .. option.Split(' ', StringSplitOptions.RemoveEmptyEntries)], expected);
    }

    [Theory]
    [InlineData("gateway --config {file}", """{"cluster": "redis://127.0.0.1:1/y", "port": 0}""", "redis://127.0.0.1:1/y: Redis cannot be used: ")]
    [InlineData("gateway --config {file}", """{"memory": "1GiB"}""", "{file}: memory: there is no such option")]
    [InlineData("serve --config {file}", """{"model": "/nowhere"}""", "/nowhere")]
    [InlineData("serve --config /nowhere.json", "", "/nowhere.json: cannot be read: ")]
    [InlineData("status", "", "DGPT_CLUSTER: expected redis://")]
    public async Task Commands_SettingsThatAreWrong_AreNamed(string command, string json, string expected)
    {
        await File.WriteAllTextAsync(_file, json, TestContext.Current.CancellationToken);

        await AssertErrorAsync(command == "status" ? new() { ["DGPT_CLUSTER"] = "http://x" } : [], command.Replace("{file}", _file, StringComparison.Ordinal).Split(' '), expected);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1-0")]
    [InlineData("0-1-2")]
    [InlineData("0,0")]
    [InlineData("1023")]
    public Task Cores_ThatAreNone_AreRefused(string cores) => AssertErrorAsync([], ["silo", "--cluster", Nowhere, "--cores", cores], "--cores: expected ");

    [Fact]
    public async Task Cores_OfASilo_AreThoseOfItsComputingThreads()
    {
        await using var redis = new RedisServer();
        await using DgptProcess silo = DgptProcess.Start("silo", "--name", "A", "--cluster", redis.Address("test"), "--memory", "1GiB", "--cores", "0", "--threads", "2");
        await silo.LineAsync(line => line.StartsWith("silo A ", StringComparison.Ordinal));

        string[] threads = [.. Directory.GetDirectories($"/proc/{silo.Id}/task").Where(thread => File.ReadAllText($"{thread}/comm").Trim() is "lane cpu" or "compute worker")];

        Assert.Equal(2, threads.Length);
        Assert.All(threads, thread => Assert.Contains("Cpus_allowed_list:\t0\n", File.ReadAllText($"{thread}/status"), StringComparison.Ordinal));
    }

    private async Task AssertErrorAsync(Dictionary<string, string> environment, string[] command, string expected)
    {
        await using DgptProcess process = DgptProcess.Start(environment, command);

        (int exitCode, string output) = await process.EndAsync();

        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith("error: " + expected.Replace("{file}", _file, StringComparison.Ordinal), process.Error);
        Assert.Single(process.Error.TrimEnd('\n').Split('\n'));
    }
}
