using System.Net;
using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A cluster as an operator starts it: Redis, silos and a gateway as processes, and the bundled model loaded on it.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    public const string Model = "shakespeare";

    private readonly Dictionary<string, DgptProcess> _silos = [];
    private readonly Dictionary<string, SiloProxy> _proxies = [];
    private IReadOnlyDictionary<string, string> _environment = new Dictionary<string, string>();
    private int _replicas = 1;
    private DgptProcess? _gateway;

    /// <summary>The model folder.</summary>
    public static string ModelFolder { get; } = Path.Combine(TestData.RepositoryRoot, "models", Model);

    public RedisServer Redis { get; } = new();

    /// <summary>The cluster's address.</summary>
    public string Address => Redis.Address("test");

    /// <summary>HTTP to the gateway.</summary>
    public HttpClient Http { get; } = new() { Timeout = Waiting.Patience };

    /// <summary>Starts silos of these names and a gateway, and loads the model.</summary>
    public static Task<TestCluster> StartAsync(params string[] silos) => StartAsync(new Dictionary<string, string>(), silos);

    /// <summary>The same with these variables in the environment of silos and gateway.</summary>
    public static Task<TestCluster> StartAsync(IReadOnlyDictionary<string, string> environment, params string[] silos) => StartAsync(new TestCluster { _environment = environment }, silos);

    /// <summary>The same with several replicas of the model.</summary>
    public static Task<TestCluster> StartReplicasAsync(int replicas, params string[] silos) => StartAsync(new TestCluster { _replicas = replicas }, silos);

    /// <summary>The same with a proxy before each silo.</summary>
    public static Task<TestCluster> StartBehindProxiesAsync(IReadOnlyDictionary<string, string> environment, params string[] silos)
    {
        var cluster = new TestCluster { _environment = environment };
        foreach (string silo in silos) cluster._proxies[silo] = new SiloProxy(IPAddress.Parse("127.0.0.2"), IPAddress.Loopback);
        return StartAsync(cluster, silos);
    }

    private static async Task<TestCluster> StartAsync(TestCluster cluster, string[] silos)
    {
        try
        {
            await Task.WhenAll(silos.Select(cluster.StartSiloAsync));
            await DgptProcess.RunAsync("model", "load", ModelFolder, "--replicas", $"{cluster._replicas}", "--cluster", cluster.Address);
            cluster._gateway = DgptProcess.Start(cluster._environment, "gateway", "--cluster", cluster.Address, "--port", "0");
            string line = await cluster._gateway.LineAsync(line => line.StartsWith("serving ", StringComparison.Ordinal));
            cluster.Http.BaseAddress = new Uri(line.Split(' ').Single(word => word.StartsWith("http", StringComparison.Ordinal)).TrimEnd(';') + "/");
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The level from which on silos that are started write logs.</summary>
    public string LogLevel { get; set; } = "warning";

    /// <summary>Starts a silo and waits until it has joined.</summary>
    public async Task StartSiloAsync(string name)
    {
        IEnumerable<string> proxied = _proxies.TryGetValue(name, out SiloProxy? proxy) ? proxy.Arguments : [];
        DgptProcess silo = DgptProcess.Start(
            _environment, ["silo", "--name", name, "--cluster", Address, "--memory", "1GiB", "--threads", "1", "--layer-ms", "1:1", "--log-level", LogLevel, .. proxied]);
        lock (_silos) _silos[name] = silo;
        await silo.LineAsync(line => line.StartsWith($"silo {name} ", StringComparison.Ordinal));
    }

    /// <summary>Supervises a silo: starts it anew once its process has ended.</summary>
    public async Task RestartOnceItEndsAsync(string name)
    {
        await Silo(name).EndAsync();
        await StartSiloAsync(name);
    }

    /// <summary>The silo's process.</summary>
    public DgptProcess Silo(string name) => _silos[name];

    /// <summary>Whether the silo was started.</summary>
    public bool Has(string name) => _silos.ContainsKey(name);

    /// <summary>What stands before the silo.</summary>
    public SiloProxy Proxy(string name) => _proxies[name];

    /// <summary>The cluster's state, as <c>dgpt status --json</c> tells it.</summary>
    public async Task<JsonElement> StatusAsync() =>
        JsonDocument.Parse(await DgptProcess.RunAsync("status", "--json", "--cluster", Address)).RootElement;

    /// <summary>The state of the model's replicas.</summary>
    public async Task<JsonElement[]> ReplicasAsync() => [.. (await StatusAsync()).GetProperty("models")[0].GetProperty("replicas").EnumerateArray()];

    /// <summary>The state of the model's only replica.</summary>
    public async Task<JsonElement> ReplicaAsync() => (await ReplicasAsync()).Single();

    /// <summary>The silo with the model's head.</summary>
    public async Task<string> HeadSiloAsync() => (await ReplicaAsync()).GetProperty("stages").EnumerateArray().Last().GetProperty("silo").GetString()!;

    /// <summary>The silo with the model's embedding.</summary>
    public async Task<string> EmbeddingSiloAsync() => (await ReplicaAsync()).GetProperty("stages")[0].GetProperty("silo").GetString()!;

    /// <summary>The silo where the replica's coordinator is.</summary>
    public async Task<string> CoordinatorSiloAsync() => (await ReplicaAsync()).GetProperty("coordinator").GetString()!;

    /// <summary>The silos' addresses, each of which belongs to one process alone.</summary>
    public async Task<string[]> AddressesAsync() => [.. (await StatusAsync()).GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("address").GetString()!)];

    /// <summary>Waits until no sequence, no block and no ghost of a silo is left, and every layer is on a silo that lives.</summary>
    public async Task AssertNothingIsLeftAsync(params string[] living)
    {
        JsonElement status = await Waiting.UntilAsync(StatusAsync, status =>
            status.GetProperty("silos").GetArrayLength() == living.Length
            && status.GetProperty("models")[0].GetProperty("replicas") is var replicas && replicas.GetArrayLength() == 1
            && replicas[0].GetProperty("scheduler").GetProperty("blocks_in_use").GetInt32() == 0);

        Assert.Equal(living, status.GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("name").GetString()));
        JsonElement replica = status.GetProperty("models")[0].GetProperty("replicas")[0];
        Assert.Equal("Running", replica.GetProperty("state").GetString());
        Assert.Equal(0, replica.GetProperty("scheduler").GetProperty("running").GetInt32());
        Assert.All(replica.GetProperty("stages").EnumerateArray(), stage => Assert.Contains(stage.GetProperty("silo").GetString(), living));
    }

    /// <summary>What the silos have written, for the message of a test that fails.</summary>
    public string Logs => string.Join('\n', _silos.Select(silo => $"--- {silo.Key}\n{silo.Value.Error}"));

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        if (_gateway is not null) await _gateway.DisposeAsync();
        foreach (DgptProcess silo in _silos.Values) await silo.DisposeAsync();
        foreach (SiloProxy proxy in _proxies.Values) await proxy.DisposeAsync();
        await Redis.DisposeAsync();
    }
}
