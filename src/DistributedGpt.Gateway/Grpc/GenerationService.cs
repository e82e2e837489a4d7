using DistributedGpt.Client;
using DistributedGpt.Gateway.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using FinishReason = DistributedGpt.Engine.FinishReason;

namespace DistributedGpt.Gateway;

/// <summary>The gRPC interface: the same requests and answers as over HTTP, with token ids beside the text.</summary>
internal sealed class GenerationService(IInferenceClient client, RunningRequests running, ILogger<GenerationService> logger) : Generation.GenerationBase
{
    /// <inheritdoc/>
    public override async Task Generate(
        V1.GenerateRequest request, IServerStreamWriter<GenerateResponse> responses, ServerCallContext context)
    {
        try
        {
            using IDisposable entered = running.TryEnter() ?? throw ApiException.Draining();
            await GenerateAsync(request, responses, context.CancellationToken);
        }
        catch (Exception e) when (!context.CancellationToken.IsCancellationRequested)
        {
            ApiException error = ApiException.From(e);
            if (error.Status == StatusCodes.Status500InternalServerError) Log.Failed(logger, context.Method, e);
            throw new RpcException(new Status(CodeOf(error.Status), error.Message));
        }
    }

    private static StatusCode CodeOf(int httpStatus) => httpStatus switch
    {
        StatusCodes.Status400BadRequest => StatusCode.InvalidArgument,
        StatusCodes.Status404NotFound => StatusCode.NotFound,
        StatusCodes.Status429TooManyRequests => StatusCode.ResourceExhausted,
        StatusCodes.Status503ServiceUnavailable => StatusCode.Unavailable,
        _ => StatusCode.Internal,
    };

    private async Task GenerateAsync(
        V1.GenerateRequest request, IServerStreamWriter<GenerateResponse> responses, CancellationToken cancellationToken)
    {
        IServedModel model = await client.FindModelAsync(request.Model, cancellationToken)
            ?? throw ApiException.UnknownModel(request.Model);
        Engine.GenerateRequest generate = Read(request).Build(model);
        int open = generate.Completions, generated = 0;
        await foreach (CompletionChunk chunk in model.GenerateAsync(generate, request.Stop, cancellationToken))
        {
            generated += chunk.Tokens.Count;
            if (chunk.Finish != FinishReason.None) open--;
            Usage? usage = open == 0 ? new Usage { PromptTokens = generate.PromptIds.Length, CompletionTokens = generated } : null;
            await responses.WriteAsync(Write(chunk, usage), cancellationToken);
        }
    }

    private static CompletionRequest Read(V1.GenerateRequest request) => new()
    {
        Prompt = request.Text,
        PromptIds = request.PromptCase == V1.GenerateRequest.PromptOneofCase.TokenIds ? [.. request.TokenIds.Ids] : null,
        MaxTokens = request.HasMaxTokens ? request.MaxTokens : null,
        Completions = request.HasN ? request.N : 1,
        Temperature = request.HasTemperature ? request.Temperature : null,
        TopK = request.HasTopK ? request.TopK : null,
        TopP = request.HasTopP ? request.TopP : null,
        MinP = request.HasMinP ? request.MinP : null,
        RepetitionPenalty = request.HasRepetitionPenalty ? request.RepetitionPenalty : null,
        PresencePenalty = request.HasPresencePenalty ? request.PresencePenalty : null,
        FrequencyPenalty = request.HasFrequencyPenalty ? request.FrequencyPenalty : null,
        LogitBias = new Dictionary<int, double>(request.LogitBias),
        Seed = request.HasSeed ? request.Seed : null,
        Stop = request.Stop,
        StopTokenIds = request.StopTokenIds,
        IgnoreEos = request.IgnoreEos,
        MinTokens = request.HasMinTokens ? request.MinTokens : null,
        Logprobs = request.HasLogprobs ? request.Logprobs : null,
    };

    private static GenerateResponse Write(CompletionChunk chunk, Usage? usage) => new()
    {
        Index = chunk.Completion,
        Text = chunk.Text,
        Tokens = { chunk.Tokens.Select(Write) },
        FinishReason = chunk.Finish switch
        {
            FinishReason.None => V1.FinishReason.Unspecified,
            FinishReason.Stop => V1.FinishReason.Stop,
            FinishReason.Length => V1.FinishReason.Length,
            _ => throw new ArgumentOutOfRangeException(nameof(chunk)),
        },
        Usage = usage,
    };

    private static Token Write(GeneratedToken generated)
    {
        var token = new Token { Id = generated.Id };
        if (generated.Logprobs is not { } logprobs) return token;
        token.Logprob = logprobs.Chosen;
        token.Alternatives.AddRange(logprobs.TopIds.Zip(logprobs.TopLogprobs, (id, logprob) => new Alternative { Id = id, Logprob = logprob }));
        return token;
    }
}
