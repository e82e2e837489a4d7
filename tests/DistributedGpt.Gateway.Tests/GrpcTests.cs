using System.Text;
using DistributedGpt.Engine;
using DistributedGpt.Gateway.V1;
using Grpc.Core;
using Grpc.Net.Client;
using FinishReason = DistributedGpt.Gateway.V1.FinishReason;
using GenerateRequest = DistributedGpt.Gateway.V1.GenerateRequest;

namespace DistributedGpt.Gateway.Tests;

public sealed class GrpcTests(GatewayFixture gateway) : IDisposable
{
    private readonly GrpcChannel _channel = GrpcChannel.ForAddress(gateway.Server.GrpcAddress!);

    public void Dispose() => _channel.Dispose();

    [Fact]
    public async Task Generate_Greedy_StreamsTheReferenceIds()
    {
        List<GenerateResponse> responses = await GenerateAsync(Request());

        Assert.Equal(gateway.Golden.Greedy, responses.SelectMany(response => response.Tokens).Select(token => token.Id));
        Assert.All(responses[..^1], response => Assert.Equal(FinishReason.Unspecified, response.FinishReason));
        Assert.Equal(FinishReason.Length, responses[^1].FinishReason);
        Assert.Equal((5, 40), (responses[^1].Usage.PromptTokens, responses[^1].Usage.CompletionTokens));
        Assert.All(responses[..^1], response => Assert.Null(response.Usage));
        string text = string.Concat(responses.Select(response => response.Text));
        Assert.Equal(CompletionTests.Text(await gateway.Http.CompleteAsync("\"max_tokens\": 40, \"ignore_eos\": true")), text);
    }

    [Fact]
    public async Task Generate_AllOptions_IsTheSameAsOverHttp()
    {
        var request = new GenerateRequest
        {
            Model = GatewayFixture.ModelName, TokenIds = new TokenIds { Ids = { gateway.Golden.Ids } }, MaxTokens = 30, N = 2, Temperature = 1.5, TopK = 50, TopP = 0.9,
            MinP = 0.01, RepetitionPenalty = 1.1, PresencePenalty = 0.5, FrequencyPenalty = 0.5, LogitBias = { [60] = 5 }, Seed = 9, IgnoreEos = true, MinTokens = 3,
        };
        var texts = new[] { new StringBuilder(), new StringBuilder() };
        foreach (GenerateResponse response in await GenerateAsync(request)) texts[response.Index].Append(response.Text);

        string[] http = CompletionTests.Texts(await gateway.Http.CompleteAsync("""
            "max_tokens": 30, "n": 2, "temperature": 1.5, "top_k": 50, "top_p": 0.9, "min_p": 0.01, "repetition_penalty": 1.1,
            "presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {"60": 5}, "seed": 9, "ignore_eos": true, "min_tokens": 3
            """));
        Assert.Equal(http, texts.Select(text => text.ToString()));
    }

    [Fact]
    public async Task Generate_Logprobs_CarriesAlternatives()
    {
        GenerateRequest request = Request();
        request.Logprobs = 3;
        Token token = (await GenerateAsync(request)).SelectMany(response => response.Tokens).First();

        Assert.Equal(3, token.Alternatives.Count);
        Assert.Equal((token.Id, token.Logprob), (token.Alternatives[0].Id, token.Alternatives[0].Logprob));
    }

    [Fact]
    public async Task Generate_BadValue_IsInvalidArgument()
    {
        GenerateRequest request = Request();
        request.Temperature = double.NaN;
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => GenerateAsync(request));

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains("temperature", error.Status.Detail);
    }

    [Fact]
    public async Task Generate_UnknownModel_IsNotFound()
    {
        GenerateRequest request = Request();
        request.Model = "nobody";

        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(() => GenerateAsync(request))).StatusCode);
    }

    [Theory]
    [InlineData(StatusCode.ResourceExhausted)]
    [InlineData(StatusCode.Unavailable)]
    [InlineData(StatusCode.Internal)]
    public async Task Generate_ClusterFails_HasTheStatusThatTellsWhatToDo(StatusCode expected)
    {
        Exception failure = expected switch
        {
            StatusCode.ResourceExhausted => new RequestRefusedException(RequestRefusedException.QueueFull, "The queue is full."),
            StatusCode.Unavailable => new TimeoutException("secret"),
            _ => new InvalidOperationException("secret"),
        };
        await using GatewayServer server = await gateway.StartAsync((_, _) => throw failure);
        using GrpcChannel channel = GrpcChannel.ForAddress(server.GrpcAddress!);
        using AsyncServerStreamingCall<GenerateResponse> call = new Generation.GenerationClient(channel).Generate(Request());

        RpcException error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(expected, error.StatusCode);
        Assert.DoesNotContain("secret", error.Status.Detail);
    }

    [Fact]
    public async Task Generate_ServerDrains_IsUnavailable()
    {
        var release = new TaskCompletionSource();
        await using GatewayServer server = await gateway.StartAsync((chunk, cancellation) => chunk < 1 ? Task.CompletedTask : release.Task.WaitAsync(cancellation));
        using GrpcChannel channel = GrpcChannel.ForAddress(server.GrpcAddress!);
        using AsyncServerStreamingCall<GenerateResponse> running = new Generation.GenerationClient(channel).Generate(Request());
        Assert.True(await running.ResponseStream.MoveNext(CancellationToken.None));
        Task drained = server.DrainAsync(CancellationToken.None);
        using AsyncServerStreamingCall<GenerateResponse> late = new Generation.GenerationClient(channel).Generate(Request());

        RpcException error = await Assert.ThrowsAsync<RpcException>(() => late.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Contains("shutting down", error.Status.Detail);
        release.SetResult();
        while (await running.ResponseStream.MoveNext(CancellationToken.None))
        {
        }

        await drained;
    }

    [Fact]
    public async Task Generate_Cancelled_EndsTheRequest()
    {
        using var cancellation = new CancellationTokenSource();
        GenerateRequest request = Request();
        (request.MaxTokens, request.N) = (250, 64);
        using (AsyncServerStreamingCall<GenerateResponse> call = new Generation.GenerationClient(_channel).Generate(request, cancellationToken: cancellation.Token))
        {
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            await cancellation.CancelAsync();
            Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () =>
            {
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                }
            })).StatusCode);
        }
    }

    private GenerateRequest Request() => new() { Model = GatewayFixture.ModelName, Text = gateway.Golden.Text, MaxTokens = 40, Temperature = 0, IgnoreEos = true };

    private async Task<List<GenerateResponse>> GenerateAsync(GenerateRequest request)
    {
        using AsyncServerStreamingCall<GenerateResponse> call = new Generation.GenerationClient(_channel).Generate(request);
        List<GenerateResponse> responses = [];
        await foreach (GenerateResponse response in call.ResponseStream.ReadAllAsync()) responses.Add(response);
        return responses;
    }
}
