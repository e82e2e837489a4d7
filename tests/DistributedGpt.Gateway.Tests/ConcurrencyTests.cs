using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DistributedGpt.Cluster;
using DistributedGpt.Engine;
using DistributedGpt.Gateway.V1;
using DistributedGpt.Tests;
using Grpc.Core;
using Grpc.Net.Client;
using Orleans.Core.Internal;
using GenerateRequest = DistributedGpt.Gateway.V1.GenerateRequest;

namespace DistributedGpt.Gateway.Tests;

/// <summary>A model that computes a text up to some length and waits there, so that a test can look at what is under way.</summary>
public sealed class ConcurrencyTests(GatewayFixture gateway) : IAsyncLifetime
{
    private const string Fields = "\"max_tokens\": 60, \"ignore_eos\": true";
    private const int HeldLength = 25;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _release = new();
    private EmbeddedCluster? _cluster;
    private GatewayServer? _server;
    private GatewayClient? _http;

    private GatewayClient Http => _http!;

    private ICoordinatorControl Coordinator => _cluster!.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey(GatewayFixture.ModelName, 0).ToString());

    public async ValueTask InitializeAsync()
    {
        var options = new EmbeddedClusterOptions { ModelPath = TestData.Find("golden", "llama"), ModelName = GatewayFixture.ModelName };
        _cluster = await EmbeddedCluster.StartAsync(options, () => new FaultyBackend(Hold), null, default);
        _server = await GatewayServer.StartAsync(_cluster.Client, new GatewayOptions { Port = 0, GrpcPort = 0 });
        _http = new GatewayClient(_server.Address);
    }

    public async ValueTask DisposeAsync()
    {
        _release.Set();
        _http?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
        _release.Dispose();
    }

    [Fact]
    public async Task Stream_ClientDoesNotRead_HoldsUpNobody()
    {
        _release.Set();
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpClient(handler) { BaseAddress = _server!.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = GatewayClient.Json(GatewayClient.Body("\"max_tokens\": 250, \"ignore_eos\": true, \"n\": 8, \"logprobs\": 5, \"stream\": true")),
        };
        using HttpResponseMessage slow = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(CompletionTests.Text(await gateway.Http.CompleteAsync(Fields)), CompletionTests.Text(await Http.CompleteAsync(Fields)));
        Assert.EndsWith("data: [DONE]\n\n", await slow.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("stream")]
    [InlineData("whole")]
    [InlineData("grpc")]
    [InlineData("deadline")]
    public async Task Post_ClientLeaves_FreesItsPlaceAndItsBlocks(string kind)
    {
        // More completions than the cache has room for: some of them wait.
        using var leave = new CancellationTokenSource();
        Task call = CallAsync(kind, "\"max_tokens\": 240, \"ignore_eos\": true, \"n\": 64", leave.Token);
        if (kind != "deadline")
        {
            await _held.Task.WaitAsync(Patience);
            SchedulerStatus busy = (await Coordinator.GetReport())!.Scheduler;
            Assert.Equal(64, busy.Running + busy.Waiting);
            await leave.CancelAsync();
        }

        await call.WaitAsync(Patience);
        await UntilAsync(status => status.Running + status.Waiting == 0);
        _release.Set();
        await UntilAsync(status => status is { StepsInFlight: 0, BlocksInUse: 0 });
        using var patience = new CancellationTokenSource(Patience);
        while (_server!.RunningRequests > 0) await Task.Delay(10, patience.Token);
        await Http.CompleteAsync();
    }

    [Fact]
    public async Task Get_HealthWhileAStageDoesNotAnswer_Is503()
    {
        Task<JsonElement[]> stream = Http.StreamAsync(Fields);
        await _held.Task.WaitAsync(Patience);
        Assert.Equal(HttpStatusCode.OK, await HealthAsync("/health"));

        // A coordinator made anew has to hear of the stage, whose lane hangs.
        await Coordinator.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await UntilHealthIsAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal(HttpStatusCode.OK, await HealthAsync("/health/live"));

        _release.Set();
        await UntilHealthIsAsync(HttpStatusCode.OK);
        Assert.Equal(CompletionTests.Text(await gateway.Http.CompleteAsync(Fields)), GatewayClient.Join(await stream));
    }

    /// <summary>Runs in the lane.</summary>
    private bool Hold(StepBatch step)
    {
        if (!Array.Exists(step.Sequences, rows => rows.Length >= HeldLength)) return false;
        _held.TrySetResult();
        _release.Wait();
        return false;
    }

    private async Task CallAsync(string kind, string fields, CancellationToken cancellationToken)
    {
        if (kind is "stream" or "whole")
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                using HttpResponseMessage response = kind == "stream"
                    ? await Http.OpenStreamAsync(fields, cancellationToken)
                    : await Http.Http.PostAsync("/v1/completions", GatewayClient.Json(GatewayClient.Body(fields)), cancellationToken);
                await response.Content.ReadAsStringAsync(cancellationToken);
            });
            return;
        }

        var request = new GenerateRequest { Model = GatewayFixture.ModelName, Text = gateway.Golden.Text, MaxTokens = 240, IgnoreEos = true, N = 64 };
        using GrpcChannel channel = GrpcChannel.ForAddress(_server!.GrpcAddress!);
        using AsyncServerStreamingCall<GenerateResponse> call = new Generation.GenerationClient(channel).Generate(
            request, deadline: kind == "deadline" ? DateTime.UtcNow.AddSeconds(3) : null, cancellationToken: cancellationToken);
        RpcException error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        Assert.Equal(kind == "deadline" ? StatusCode.DeadlineExceeded : StatusCode.Cancelled, error.StatusCode);
    }

    private async Task UntilAsync(Func<SchedulerStatus, bool> holds)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!holds((await Coordinator.GetReport())!.Scheduler)) await Task.Delay(10, patience.Token);
    }

    private async Task UntilHealthIsAsync(HttpStatusCode expected)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (await HealthAsync("/health") != expected) await Task.Delay(10, patience.Token);
    }

    private async Task<HttpStatusCode> HealthAsync(string path)
    {
        using HttpResponseMessage response = await Http.Http.GetAsync(path);
        return response.StatusCode;
    }
}
