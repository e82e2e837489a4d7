using System.Net;
using System.Text.Json;
using DistributedGpt.Cluster;
using DistributedGpt.Gateway.V1;
using DistributedGpt.Tests;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistributedGpt.Gateway.Tests;

/// <summary>A model that throws at one token of its vocabulary, behind a gateway of its own.</summary>
public sealed class FailureTests(GatewayFixture gateway) : IAsyncLifetime
{
    private const int Poison = 77;

    private EmbeddedCluster? _cluster;
    private GatewayServer? _server;
    private GatewayClient? _http;

    private GatewayClient Http => _http!;

    public async ValueTask InitializeAsync()
    {
        Assert.DoesNotContain(Poison, gateway.Golden.Ids.Concat(gateway.Golden.Greedy));
        var options = new EmbeddedClusterOptions { ModelPath = TestData.Find("golden", "llama"), ModelName = GatewayFixture.ModelName, Silos = 2 };
        _cluster = await EmbeddedCluster.StartAsync(options, () => new FaultyBackend(step => Array.Exists(step.Sequences, rows => rows.TokenIds.Contains(Poison))), null, default);
        _server = await GatewayServer.StartAsync(_cluster.Client, new GatewayOptions { Port = 0, GrpcPort = 0 });
        _http = new GatewayClient(_server.Address);
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_ModelThrowsOnThePrompt_IsA500NotToBeRepeated(bool stream)
    {
        string body = GatewayClient.Body($"\"prompt\": [5, {Poison}, 6], \"stream\": {(stream ? "true" : "false")}");
        Task<JsonElement> other = Http.CompleteAsync("\"max_tokens\": 40, \"ignore_eos\": true");
        using HttpResponseMessage response = await Http.Http.PostAsync("/v1/completions", GatewayClient.Json(body));

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal("false", Assert.Single(response.Headers.GetValues("x-should-retry")));
        CheckError(await GatewayClient.ReadAsync(response));
        string expected = CompletionTests.Text(await gateway.Http.CompleteAsync("\"max_tokens\": 40, \"ignore_eos\": true"));
        Assert.Equal(expected, CompletionTests.Text(await other));
        Assert.Equal(expected, CompletionTests.Text(await Http.CompleteAsync("\"max_tokens\": 40, \"ignore_eos\": true")));
    }

    [Fact]
    public async Task Stream_ModelThrowsInTheMiddle_EndsWithTheErrorAndBreaksOff()
    {
        using HttpResponseMessage response = await Http.OpenStreamAsync($"\"max_tokens\": 40, \"logit_bias\": {{\"{Poison}\": 100}}");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        List<string> events = [];
        await Assert.ThrowsAnyAsync<HttpIOException>(async () =>
        {
            while (await reader.ReadLineAsync() is { } line) events.Add(line);
        });

        events.RemoveAll(line => line.Length == 0);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(2, events.Count);
        Assert.Equal(gateway.Tokenizer.GetTokenText(Poison), CompletionTests.Text(JsonDocument.Parse(events[0]["data: ".Length..]).RootElement));
        CheckError(JsonDocument.Parse(events[1]["data: ".Length..]).RootElement);
    }

    [Fact]
    public async Task OpenAIClient_ModelThrows_SeesTheErrorAndDoesNotRepeat()
    {
        NpmResult[] results = await NpmClient.CallAsync(
            _server!.Address, $"\"prompt\": [5, {Poison}]", $"\"max_tokens\": 40, \"logit_bias\": {{\"{Poison}\": 100}}, \"stream\": true");

        Assert.Equal([1, 1], results.Select(result => result.Requests));
        Assert.Equal(("InternalServerError", 500), (results[0].Error!.Type, results[0].Error!.Status));
        Assert.All(results, result => Assert.Equal("generation_failed", result.Error!.Code));
        Assert.All(results, result => Assert.Contains("failed to compute the token", result.Error!.Message));
        Assert.Equal(gateway.Tokenizer.GetTokenText(Poison), GatewayClient.Join(results[1].Chunks));
    }

    [Fact]
    public async Task Generate_ModelThrows_IsInternal()
    {
        using GrpcChannel channel = GrpcChannel.ForAddress(_server!.GrpcAddress!);
        using AsyncServerStreamingCall<GenerateResponse> call = new Generation.GenerationClient(channel).Generate(
            new GenerateRequest { Model = GatewayFixture.ModelName, TokenIds = new TokenIds { Ids = { 5, Poison } } });

        RpcException error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));

        Assert.Equal(StatusCode.Internal, error.StatusCode);
        Assert.Contains("failed to compute the token at position 2", error.Status.Detail);
    }

    private static void CheckError(JsonElement json)
    {
        JsonElement error = json.GetProperty("error");
        Assert.Equal("server_error", error.GetProperty("type").GetString());
        Assert.Equal("generation_failed", error.GetProperty("code").GetString());
        Assert.Contains("failed to compute the token", error.GetProperty("message").GetString());
        Assert.DoesNotContain("secret", error.ToString());
    }
}
