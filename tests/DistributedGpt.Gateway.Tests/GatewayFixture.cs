using System.Text.Json;
using DistributedGpt.Client;
using DistributedGpt.Cluster;
using DistributedGpt.Gateway.Tests;
using DistributedGpt.Models;
using DistributedGpt.Tests;

[assembly: AssemblyFixture(typeof(GatewayFixture))]

namespace DistributedGpt.Gateway.Tests;

/// <summary>A gateway on a free port before a real cluster with the golden Llama, served under a name with a slash.</summary>
public sealed class GatewayFixture : IAsyncLifetime
{
    public const string ModelName = "test/llama";
    public const int ContextLength = 256;
    public const int VocabularySize = 384;

    private EmbeddedCluster? _cluster;
    private GatewayServer? _server;

    public IInferenceClient Client => _cluster!.Client;

    public GatewayServer Server => _server!;

    public GatewayClient Http { get; private set; } = null!;

    public Tokenizer Tokenizer { get; private set; } = null!;

    /// <summary>The prompt of the golden case, its ids and its greedy ids.</summary>
    public (string Text, int[] Ids, int[] Greedy) Golden { get; private set; }

    public async ValueTask InitializeAsync()
    {
        _cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = TestData.Find("golden", "llama"), ModelName = ModelName, Silos = 2 });
        _server = await GatewayServer.StartAsync(Client, new GatewayOptions { Port = 0, GrpcPort = 0 });
        Http = new GatewayClient(_server.Address);
        Tokenizer = Tokenizer.Load(TestData.Find("golden", "llama"));
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(TestData.Find("golden", "llama", "expected.json")));
        JsonElement first = expected.RootElement.GetProperty("cases")[0];
        Golden = (first.GetProperty("text").GetString()!, Ids(first.GetProperty("prompt_ids")), Ids(first.GetProperty("greedy_ids")));
    }

    public async ValueTask DisposeAsync()
    {
        Http?.Dispose();
        Tokenizer?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    /// <summary>A second gateway before the same cluster, whose chunks wait for <paramref name="beforeChunk"/>.</summary>
    public Task<GatewayServer> StartAsync(Func<int, CancellationToken, Task> beforeChunk, TimeSpan? keepAlive = null) => GatewayServer.StartAsync(
        new InterceptedClient(Client, beforeChunk), new GatewayOptions { Port = 0, GrpcPort = 0, KeepAliveInterval = keepAlive ?? TimeSpan.FromSeconds(10) });

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
