using System.Text.Json;
using System.Threading.Channels;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using Microsoft.AspNetCore.Http;

namespace DistributedGpt.Gateway;

/// <summary>
/// <c>POST /v1/completions</c>. Whatever can be wrong with a call is found before the first byte of an answer: the call is read and
/// checked, its prompts are encoded and submitted, and the headers wait for the first chunk (or for so long that a refusal cannot
/// come any more). A client that leaves cancels its requests.
/// </summary>
internal sealed class CompletionsEndpoint(IInferenceClient client, GatewayOptions options, RunningRequests running)
{
    /// <summary>Answers a call.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        using IDisposable entered = running.TryEnter() ?? throw ApiException.Draining();
        CompletionCall call = await ReadAsync(context);
        IServedModel model = await client.FindModelAsync(call.Model, context.RequestAborted) ?? throw ApiException.UnknownModel(call.Model);
        GenerateRequest[] requests = [.. call.Requests.Select(request => request.Build(model))];
        var answer = new CompletionAnswer(call, model, requests);
        IReadOnlyList<GenerateRequest> submitted = call.PromptOnly ? [] : requests;
        await using var run = new CompletionRun(model, submitted, call.Requests[0].Stop, context.RequestAborted);
        if (call.Stream) await StreamAsync(context, answer, run.Chunks);
        else await AnswerAsync(context, answer, run.Chunks);
    }

    private async Task<CompletionCall> ReadAsync(HttpContext context)
    {
        using JsonDocument body = await RequestBody.ReadJsonAsync(context, options.MaxRequestBytes);
        try
        {
            return CompletionCallReader.Read(body.RootElement, options.MaxChoices);
        }
        catch (InvalidOperationException e)
        {
            // A field's name with half of a surrogate pair.
            throw ApiException.Invalid(null, $"The body is not valid Unicode text: {e.Message}", "invalid_json");
        }
    }

    private static async Task AnswerAsync(HttpContext context, CompletionAnswer answer, ChannelReader<(int Choice, CompletionChunk Chunk)> chunks)
    {
        var choices = new CompletionChoice[answer.Choices];
        for (int i = 0; i < choices.Length; i++) choices[i] = new CompletionChoice(answer.Echoed(i));
        int generated = 0;
        await foreach ((int index, CompletionChunk chunk) in chunks.ReadAllAsync(context.RequestAborted))
        {
            CompletionChoice choice = choices[index];
            choice.Text.Append(chunk.Text);
            choice.Finish = chunk.Finish;
            choice.Tokens.AddRange(chunk.Tokens);
            choice.Offsets.AddRange(answer.Texts[index].Add(chunk));
            generated += chunk.Tokens.Count;
        }

        context.Response.ContentType = "application/json";
        await using (var json = new Utf8JsonWriter(context.Response.BodyWriter))
        {
            answer.Json.Begin(json);
            for (int i = 0; i < choices.Length; i++)
            {
                CompletionChoice choice = choices[i];
                LogprobRows? logprobs = answer.Logprobs ? new LogprobRows(choice.Tokens, choice.Offsets) : null;
                answer.Json.Choice(json, i, choice.Text.ToString(), logprobs, choice.Finish);
            }

            CompletionJson.EndChoices(json);
            CompletionJson.Usage(json, answer.PromptTokens, generated);
            json.WriteEndObject();
        }

        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    private async Task StreamAsync(HttpContext context, CompletionAnswer answer, ChannelReader<(int Choice, CompletionChunk Chunk)> chunks)
    {
        var events = new EventStream(context);
        try
        {
            // A refusal ends the wait for the first chunk, while an error is still possible.
            await WaitAsync(events, chunks, context.RequestAborted);
            await events.StartAsync();
            for (int i = 0; i < answer.Choices; i++)
            {
                int choice = i;
                string echoed = answer.Echoed(i);
                if (echoed.Length > 0) await events.SendAsync(json => answer.WriteChunk(json, choice, echoed, null, FinishReason.None));
                if (answer.Call.PromptOnly) await events.SendAsync(json => answer.WriteChunk(json, choice, "", null, FinishReason.Length));
            }

            int generated = await SendChunksAsync(events, answer, chunks, context.RequestAborted);
            if (answer.Call.IncludeUsage) await events.SendAsync(json => answer.WriteUsage(json, generated));
            await events.EndAsync();
        }
        catch (Exception e) when (context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            // The exception goes on, so that the server breaks the connection off: a stream that merely ended here would be
            // taken for a complete one.
            await events.SendAsync(json => ErrorResponse.Write(json, ApiException.From(e)));
            throw;
        }
    }

    private async Task<int> SendChunksAsync(
        EventStream events, CompletionAnswer answer, ChannelReader<(int Choice, CompletionChunk Chunk)> chunks, CancellationToken cancellationToken)
    {
        int generated = 0;
        while (await WaitAsync(events, chunks, cancellationToken))
        {
            // Tokens that have no text send nothing, so only the clock tells how long the client has heard nothing.
            if (events.Silence >= options.KeepAliveInterval) await events.KeepAliveAsync();
            if (!chunks.TryRead(out (int Choice, CompletionChunk Chunk) item)) continue;
            (int index, CompletionChunk chunk) = item;
            generated += chunk.Tokens.Count;
            LogprobRows? logprobs = answer.Logprobs ? new LogprobRows(chunk.Tokens, answer.Texts[index].Add(chunk)) : null;
            if (chunk.Text.Length > 0 || logprobs is { Tokens.Count: > 0 })
                await events.SendAsync(json => answer.WriteChunk(json, index, chunk.Text, logprobs, FinishReason.None));
            if (chunk.Finish != FinishReason.None)
                await events.SendAsync(json => answer.WriteChunk(json, index, "", null, chunk.Finish));
        }

        return generated;
    }

    /// <summary>Waits for a chunk, or until the client has heard nothing for the keep-alive interval. False: the chunks have ended.</summary>
    private async Task<bool> WaitAsync(EventStream events, ChannelReader<(int Choice, CompletionChunk Chunk)> chunks, CancellationToken cancellationToken)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ValueTask<bool> wait = chunks.WaitToReadAsync(silence.Token);
        if (wait.IsCompletedSuccessfully) return wait.Result;
        TimeSpan left = options.KeepAliveInterval - events.Silence;
        silence.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        try
        {
            return await wait;
        }
        catch (OperationCanceledException) when (silence.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }
}
