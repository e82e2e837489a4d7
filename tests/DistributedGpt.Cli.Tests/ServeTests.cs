using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace DistributedGpt.Cli.Tests;

public sealed partial class ServeTests
{
    [Fact]
    public async Task Serve_TwoStreamsAtOnce_BothEndAndCtrlCWaitsForThem()
    {
        using Dgpt dgpt = Dgpt.Start("serve", "--model", Dgpt.Golden("llama"), "--name", "tiny", "--port", "0", "--grpc-port", "0", "--silos", "2");
        using HttpClient client = await ConnectAsync(dgpt);

        using HttpResponseMessage first = await OpenAsync(client, n: 64), second = await OpenAsync(client, n: 1);
        Task<string> firstText = first.Content.ReadAsStringAsync();
        Assert.EndsWith("data: [DONE]\n\n", await second.Content.ReadAsStringAsync());

        dgpt.Signal("INT");
        Assert.EndsWith("data: [DONE]\n\n", await firstText);
        Assert.Equal(0, (await dgpt.EndAsync()).ExitCode);
    }

    [Fact]
    public async Task Serve_SecondCtrlC_EndsAtOnce()
    {
        using Dgpt dgpt = Dgpt.Start("serve", "--model", Dgpt.Golden("llama"), "--name", "tiny", "--port", "0");
        using HttpClient client = await ConnectAsync(dgpt);
        using HttpResponseMessage stream = await OpenAsync(client, n: 128);

        dgpt.Signal("INT");
        Assert.Equal("finishing 1 running request; Ctrl-C again ends at once", await dgpt.Error.ReadLineAsync());
        dgpt.Signal("INT");

        Assert.Equal(130, (await dgpt.EndAsync()).ExitCode);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => stream.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Serve_TakenPort_IsRefusedByItsOption()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;

        Assert.StartsWith($"--port: 127.0.0.1 has no free port {port}", (await Dgpt.RunAsync("serve", "--model", Dgpt.Golden("llama"), "--port", $"{port}")).RefusalLine());
    }

    private static async Task<HttpClient> ConnectAsync(Dgpt dgpt)
    {
        string line = await dgpt.Error.ReadLineAsync() ?? "";
        Match match = ServingPattern().Match(line);
        Assert.True(match.Success, line);
        return new HttpClient { BaseAddress = new Uri(match.Groups[1].Value) };
    }

    private static Task<HttpResponseMessage> OpenAsync(HttpClient client, int n) => client.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, "v1/completions")
        {
            Content = new StringContent($$"""{"model": "tiny", "prompt": "Once more", "max_tokens": 250, "ignore_eos": true, "stream": true, "n": {{n}}}""", Encoding.UTF8, "application/json"),
        },
        HttpCompletionOption.ResponseHeadersRead);

    [GeneratedRegex(@"^serving tiny at (http://127\.0\.0\.1:\d+/)v1(, gRPC at http://127\.0\.0\.1:\d+/)?; Ctrl-C ends$")]
    private static partial Regex ServingPattern();
}
