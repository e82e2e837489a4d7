using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace DistributedGpt.Gateway.Tests;

public sealed class HealthTests(GatewayFixture gateway)
{
    [Theory]
    [InlineData("/health")]
    [InlineData("/health/ready")]
    [InlineData("/health/live")]
    public async Task Get_ServingModel_IsOk(string path)
    {
        using HttpResponseMessage response = await gateway.Http.Http.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("ok", (await GatewayClient.ReadAsync(response)).GetProperty("status").GetString());
    }

    [Fact]
    public async Task Head_ServingModel_IsOk()
    {
        using HttpResponseMessage response = await gateway.Http.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/health"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Drain_WhileAStreamRuns_FinishesItAndRefusesNewRequests()
    {
        var started = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using GatewayServer server = await gateway.StartAsync(async (chunk, cancellation) =>
        {
            if (chunk < 2) return;
            started.TrySetResult();
            await release.Task.WaitAsync(cancellation);
        });
        using var client = new GatewayClient(server.Address);
        Task<JsonElement[]> stream = client.StreamAsync("\"max_tokens\": 12, \"ignore_eos\": true");
        await started.Task;

        Task drained = server.DrainAsync(CancellationToken.None);
        (HttpStatusCode status, JsonElement refusal) = await client.PostAsync(GatewayClient.Body());
        using HttpResponseMessage live = await client.Http.GetAsync("/health/live");
        using HttpResponseMessage ready = await client.Http.GetAsync("/health");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Equal("shutting_down", refusal.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.False(drained.IsCompleted);
        release.SetResult();
        Assert.Equal("length", CompletionTests.Finish((await stream)[^1]));
        await drained;
    }

    [Fact]
    public async Task Drain_ClientReadsLate_LosesNothing()
    {
        await using GatewayServer server = await gateway.StartAsync((_, _) => Task.CompletedTask);

        // A small window, so that the end of the stream waits in the server until it is read.
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpClient(handler) { BaseAddress = server.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = GatewayClient.Json(GatewayClient.Body("\"max_tokens\": 20, \"ignore_eos\": true, \"n\": 4, \"stream\": true")),
        };
        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        Task stopped = Task.Run(async () =>
        {
            await server.DrainAsync(CancellationToken.None);
            await server.DisposeAsync();
        });
        while (server.RunningRequests > 0) await Task.Delay(10);

        // The handler has written everything. A server that does not wait for the reader ends in this time.
        await Task.WhenAny(stopped, Task.Delay(200));
        Assert.EndsWith("data: [DONE]\n\n", await response.Content.ReadAsStringAsync());
        await stopped;
    }

    [Fact]
    public async Task Dispose_WhileAStreamRuns_BreaksItOff()
    {
        GatewayServer server = await gateway.StartAsync((chunk, cancellation) => chunk < 2 ? Task.CompletedTask : Task.Delay(Timeout.Infinite, cancellation));
        using var client = new GatewayClient(server.Address);
        using HttpResponseMessage response = await client.OpenStreamAsync("\"max_tokens\": 12, \"ignore_eos\": true");
        Task<string> rest = response.Content.ReadAsStringAsync();

        await server.DisposeAsync();

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => rest);
    }
}
