using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DistributedGpt.Tests;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A cluster as an operator starts it: Redis, silos and a gateway as processes, and the bundled model loaded on it.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    public const string Model = "shakespeare";

    /// <summary>The gateway's host.</summary>
    public const string GatewayHost = "gateway";

    private const string ClientHost = "client";

    private readonly Dictionary<string, DgptProcess> _silos = [];
    private readonly Dictionary<string, SiloProxy> _proxies = [];
    private readonly IReadOnlyDictionary<string, string> _environment;
    private readonly HostNetwork? _network;
    private readonly TestAuthority? _authority;
    private IReadOnlyDictionary<string, string[]> _surroundings = new Dictionary<string, string[]>();
    private string[] _memory = ["--memory", "1GiB"];
    private int _replicas = 1;
    private DgptProcess? _gateway;

    private TestCluster(IReadOnlyDictionary<string, string>? environment = null, HostNetwork? network = null, TestAuthority? authority = null)
    {
        _authority = authority;
        _environment = environment ?? new Dictionary<string, string>();
        _network = network;
        Redis = new RedisServer(network);
        Http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync }) { Timeout = Waiting.Patience };
    }

    /// <summary>The model folder: the one that ships with the repository, unless <c>DGPT_CHAOS_MODEL</c> names another.</summary>
    public static string ModelFolder { get; } = Environment.GetEnvironmentVariable("DGPT_CHAOS_MODEL") ?? Path.Combine(TestData.RepositoryRoot, "models", Model);

    public RedisServer Redis { get; }

    /// <summary>The cluster's address.</summary>
    public string Address => Redis.Address("test");

    /// <summary>The arguments of every command that has to do with the cluster.</summary>
    private IEnumerable<string> Access => ["--cluster", Address, .. _authority?.Arguments ?? []];

    /// <summary>What silos log.</summary>
    private string LogLevel { get; init; } = "warning";

    /// <summary>HTTP to the gateway.</summary>
    public HttpClient Http { get; }

    /// <summary>Starts silos of these names and a gateway, and loads the model.</summary>
    public static Task<TestCluster> StartAsync(params string[] silos) => StartAsync(new TestCluster(), silos);

    /// <summary>The same with these variables in the environment of the processes.</summary>
    public static Task<TestCluster> StartAsync(IReadOnlyDictionary<string, string> environment, params string[] silos) => StartAsync(new TestCluster(environment), silos);

    /// <summary>The same with silos that log what they do.</summary>
    public static Task<TestCluster> StartTalkativeAsync(params string[] silos) => StartAsync(new TestCluster { LogLevel = "information" }, silos);

    /// <summary>The same with words before the commands of some hosts, which change what their processes see.</summary>
    public static Task<TestCluster> StartInsideAsync(IReadOnlyDictionary<string, string[]> surroundings, params string[] silos) =>
        StartAsync(new TestCluster { _surroundings = surroundings }, silos);

    /// <summary>The same with one silo, in a group whose limit it must find out by itself.</summary>
    public static Task<TestCluster> StartWithinAsync(MemoryGroup group, string silo) =>
        StartAsync(new TestCluster { _surroundings = new Dictionary<string, string[]> { [silo] = group.Words }, _memory = [] }, [silo]);

    /// <summary>The same with several replicas of the model.</summary>
    public static Task<TestCluster> StartReplicasAsync(int replicas, params string[] silos) => StartAsync(new TestCluster { _replicas = replicas }, silos);

    /// <summary>The same with a proxy before each silo.</summary>
    public static Task<TestCluster> StartBehindProxiesAsync(IReadOnlyDictionary<string, string> environment, params string[] silos)
    {
        var cluster = new TestCluster(environment);
        foreach (string silo in silos) cluster._proxies[silo] = new SiloProxy(IPAddress.Parse("127.0.0.2"), IPAddress.Loopback);
        return StartAsync(cluster, silos);
    }

    /// <summary>The same with TLS, and certificates of that authority.</summary>
    public static Task<TestCluster> StartEncryptedAsync(TestAuthority authority, params string[] silos) => StartAsync(new TestCluster(authority: authority), silos);

    /// <summary>The same on hosts of their own: the silos on those of their names.</summary>
    public static Task<TestCluster> StartOnHostsAsync(HostNetwork network, params string[] silos)
    {
        foreach (string host in (string[])[RedisServer.Host, .. silos, GatewayHost, ClientHost]) network.Add(host);
        return StartAsync(new TestCluster(network: network), silos);
    }

    /// <summary>Starts a silo and waits until it has joined.</summary>
    public async Task StartSiloAsync(string name)
    {
        IEnumerable<string> address = _proxies.TryGetValue(name, out SiloProxy? proxy) ? proxy.Arguments : _network is not null ? ["--address", "auto", "--unencrypted"] : [];
        DgptProcess silo = Start(name, ["silo", "--name", name, .. Access, .. _memory, "--threads", "1", "--layer-ms", "1:1", "--log-level", LogLevel, .. address]);
        lock (_silos) _silos[name] = silo;
        await silo.LineAsync(line => line.StartsWith($"silo {name} ", StringComparison.Ordinal));
    }

    /// <summary>Supervises a silo: starts it anew once its process has ended.</summary>
    public async Task RestartOnceItEndsAsync(string name)
    {
        await Silo(name).EndAsync();
        await StartSiloAsync(name);
    }

    /// <summary>Kills these silos and Redis at once, and starts them again.</summary>
    public async Task RestartAllAsync(params string[] silos)
    {
        await Task.WhenAll([Redis.KillAsync(), .. silos.Select(silo => Silo(silo).KillAsync())]);
        Redis.Restart();
        await Task.WhenAll(silos.Select(StartSiloAsync));
    }

    /// <summary>The silo's process.</summary>
    public DgptProcess Silo(string name) => _silos[name];

    /// <summary>Whether a silo of that name was started.</summary>
    public bool Has(string name) => _silos.ContainsKey(name);

    /// <summary>What stands before the silo.</summary>
    public SiloProxy Proxy(string name) => _proxies[name];

    /// <summary>The cluster's state, as <c>dgpt status --json</c> tells it.</summary>
    public async Task<JsonElement> StatusAsync() =>
        JsonDocument.Parse(await RunAsync("status", "--json")).RootElement;

    /// <summary>The state of the model's replicas.</summary>
    public async Task<JsonElement[]> ReplicasAsync() => [.. (await StatusAsync()).GetProperty("models")[0].GetProperty("replicas").EnumerateArray()];

    /// <summary>The state of the model's only replica.</summary>
    public async Task<JsonElement> ReplicaAsync() => (await ReplicasAsync()).Single();

    /// <summary>The silos of a replica's stages, in their order.</summary>
    public static string[] SilosOf(JsonElement replica) => [.. replica.GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("silo").GetString()!)];

    /// <summary>The silo with the model's head.</summary>
    public async Task<string> HeadSiloAsync() => SilosOf(await ReplicaAsync())[^1];

    /// <summary>The silo with the model's embedding.</summary>
    public async Task<string> EmbeddingSiloAsync() => SilosOf(await ReplicaAsync())[0];

    /// <summary>The silo where the replica's coordinator is.</summary>
    public async Task<string> CoordinatorSiloAsync() => (await ReplicaAsync()).GetProperty("coordinator").GetString()!;

    /// <summary>A silo to which the gateway is connected.</summary>
    public async Task<string> GatewaysSiloAsync()
    {
        await using DgptProcess process = DgptProcess.Start(new ProcessStartInfo("ss", ["-Htnp", "state", "established"]));
        (_, string output) = await process.EndAsync();

        // Bytes waiting in and out, both ends, and the process at the first of them.
        string[][] connections = [.. output.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(words => words.Length == 5)];
        HashSet<string> ends = [.. connections.Where(words => IsOf(words, _gateway!)).Select(words => words[3])];
        return _silos.Keys.Order().First(name => connections.Any(words => IsOf(words, _silos[name]) && ends.Contains(words[2])));

        static bool IsOf(string[] words, DgptProcess process) => words[4].Contains($"pid={process.Id},", StringComparison.Ordinal);
    }

    /// <summary>The silos' addresses, each of which belongs to one process alone.</summary>
    public async Task<string[]> AddressesAsync() => [.. (await StatusAsync()).GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("address").GetString()!)];

    /// <summary>The names of the silos that are members.</summary>
    public async Task<string[]> ActiveSilosAsync() =>
    [
        .. (await StatusAsync()).GetProperty("silos").EnumerateArray().Where(silo => silo.GetProperty("state").GetString() == "Active").Select(silo => silo.GetProperty("name").GetString()!),
    ];

    /// <summary>Waits until so many silos, and no others, are members, and the model's only replica serves.</summary>
    public Task AwaitWholeAsync(int silos) => Waiting.UntilAsync(StatusAsync, status =>
        status.GetProperty("silos").GetArrayLength() == silos
        && status.GetProperty("silos").EnumerateArray().All(silo => silo.GetProperty("state").GetString() == "Active")
        && status.GetProperty("models")[0].GetProperty("replicas") is var replicas && replicas.GetArrayLength() == 1
        && replicas[0].GetProperty("state").GetString() == "Running");

    /// <summary>Waits until no sequence, no block and no ghost of a silo is left, and every layer is on a silo that lives.</summary>
    public async Task AssertNothingIsLeftAsync(params string[] living)
    {
        JsonElement status = await Waiting.UntilAsync(StatusAsync, status =>
            status.GetProperty("silos").GetArrayLength() == living.Length
            && status.GetProperty("models")[0].GetProperty("replicas") is var replicas && replicas.GetArrayLength() == 1
            && replicas[0].GetProperty("scheduler").GetProperty("blocks_in_use").GetInt32() == 0);

        Assert.Equal(living.Order(), status.GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("name").GetString()));
        JsonElement replica = status.GetProperty("models")[0].GetProperty("replicas")[0];
        Assert.Equal("Running", replica.GetProperty("state").GetString());
        Assert.Equal(0, replica.GetProperty("scheduler").GetProperty("running").GetInt32());
        Assert.All(SilosOf(replica), silo => Assert.Contains(silo, living));
    }

    /// <summary>What the silos have written, for the message of a test that fails.</summary>
    public string Logs => string.Join('\n', _silos.Select(silo => $"--- {silo.Key}\n{silo.Value.Error}"));

    public async ValueTask DisposeAsync()
    {
        // Shown where the test fails.
        TestContext.Current.TestOutputHelper?.WriteLine(Logs);
        Http.Dispose();
        if (_gateway is not null) await _gateway.DisposeAsync();
        foreach (DgptProcess silo in _silos.Values) await silo.DisposeAsync();
        foreach (SiloProxy proxy in _proxies.Values) await proxy.DisposeAsync();
        await Redis.DisposeAsync();
    }

    private static async Task<TestCluster> StartAsync(TestCluster cluster, string[] silos)
    {
        try
        {
            await Task.WhenAll(silos.Select(cluster.StartSiloAsync));
            await cluster.RunAsync("model", "load", ModelFolder, "--name", Model, "--replicas", $"{cluster._replicas}");
            await cluster.StartGatewayAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private async Task StartGatewayAsync()
    {
        _gateway = Start(GatewayHost, ["gateway", .. Access, "--host", _network?.Address(GatewayHost) ?? "127.0.0.1", "--port", "0"]);
        string line = await _gateway.LineAsync(line => line.StartsWith("serving ", StringComparison.Ordinal));
        Http.BaseAddress = new Uri(line.Split(' ').Single(word => word.StartsWith("http", StringComparison.Ordinal)).TrimEnd(';') + "/");
    }

    /// <summary>Runs a command that asks the cluster for something, and gives what it says.</summary>
    private async Task<string> RunAsync(params IEnumerable<string> args)
    {
        await using DgptProcess process = Start(ClientHost, [.. args, .. Access]);
        (int exitCode, string output) = await process.EndAsync();
        Assert.True(exitCode == 0, $"dgpt {string.Join(' ', args)}: exit code {exitCode}: {process.Error}");
        return output;
    }

    private DgptProcess Start(string host, params IEnumerable<string> args) => _network is null
        ? DgptProcess.Start(_environment, _surroundings.GetValueOrDefault(host, []), args)
        : DgptProcess.Start(_network.Command(host, _environment, DgptProcess.Command(args)));

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        Socket socket = _network?.CreateSocket(ClientHost) ?? new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.NoDelay = true;
        await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
