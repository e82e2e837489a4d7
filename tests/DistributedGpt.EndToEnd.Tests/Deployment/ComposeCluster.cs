using System.Diagnostics;
using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>
/// What <c>docker-compose up --scale silo=N</c> starts, as processes: the commands and the environment of the compose file, each
/// container as a host of its own, started when those that it depends on are healthy.
/// </summary>
internal sealed class ComposeCluster : IAsyncDisposable
{
    private const string Client = "client";
    private const string Gateway = "gateway";
    private const string Redis = "redis";

    private readonly ComposeFile _file;
    private readonly HostNetwork _network = new();
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory();
    private readonly Dictionary<string, DgptProcess> _running = [];

    private ComposeCluster(ComposeFile file) => _file = file;

    /// <summary>What the containers have written, for the message of a test that fails.</summary>
    public string Logs => string.Join('\n', _running.Select(container => $"--- {container.Key}\n{container.Value.Error}"));

    /// <summary>Starts it, with so many silos, and waits until the gateway is healthy.</summary>
    public static async Task<ComposeCluster> StartAsync(int silos)
    {
        var cluster = new ComposeCluster(await ComposeFile.ReadAsync());
        try
        {
            cluster._network.Add(Redis);
            cluster._running[Redis] = DgptProcess.Start(cluster.Start(Redis, [], cluster._file.Command(Redis), cluster._data.FullName));
            await cluster.HealthyAsync(Redis, cluster._file.HealthCheck(Redis));
            for (int i = 1; i <= silos; i++) cluster.Add($"silo-{i}", "silo");
            for (int i = 1; i <= silos; i++) await cluster.HealthyAsync($"silo-{i}");
            cluster.Add("load", "load");
            (int exitCode, _) = await cluster._running["load"].EndAsync();
            Assert.True(exitCode == 0, cluster.Logs);
            cluster.Add(Gateway, Gateway);
            await cluster.HealthyAsync(Gateway);
            cluster._network.Add(Client);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills a silo's process, and starts it again in the same container, as its restart policy does.</summary>
    public async Task KillAndRestartAsync(string container)
    {
        await _running[container].KillAsync();
        await _running[container].DisposeAsync();
        Run(container, "silo");
    }

    /// <summary>The text that the gateway continues greedily after a prompt.</summary>
    public async Task<string> CompleteAsync(string prompt, int tokens)
    {
        string body = $$"""{"model": "shakespeare", "prompt": "{{prompt}}", "temperature": 0, "max_tokens": {{tokens}}}""";
        await using DgptProcess curl = DgptProcess.Start(Start(
            Client, [], ["curl", "-fsS", "--max-time", "100", "http://gateway:8080/v1/completions", "-H", "Content-Type: application/json", "-d", body]));
        (int exitCode, string output) = await curl.EndAsync();
        Assert.True(exitCode == 0, $"{curl.Error}\n{Logs}");
        return JsonDocument.Parse(output).RootElement.GetProperty("choices")[0].GetProperty("text").GetString()!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (DgptProcess container in _running.Values) await container.DisposeAsync();
        _network.Dispose();
        _data.Delete(recursive: true);
    }

    private void Add(string container, string service)
    {
        _network.Add(container);
        Run(container, service);
    }

    private void Run(string container, string service) => _running[container] = DgptProcess.Start(Start(container, _file.Environment(service), DgptProcess.Command(_file.Command(service))));

    /// <summary>In the image, the working folder is the one with the models.</summary>
    private ProcessStartInfo Start(string container, Dictionary<string, string> environment, IEnumerable<string> command, string? folder = null)
    {
        ProcessStartInfo start = _network.Command(container, environment, command);
        start.WorkingDirectory = folder ?? TestData.RepositoryRoot;
        return start;
    }

    private async Task HealthyAsync(string container, params string[] check)
    {
        if (check.Length == 0) check = ["sh", "-c", Dockerfile.HealthCheck];
        await Waiting.UntilAsync(
            async () =>
            {
                await using DgptProcess process = DgptProcess.Start(Start(container, [], check));
                return (await process.EndAsync()).ExitCode;
            },
            exitCode => exitCode == 0);
    }
}
