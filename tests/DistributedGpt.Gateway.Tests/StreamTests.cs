using System.Net;
using System.Text.Json;

namespace DistributedGpt.Gateway.Tests;

public sealed class StreamTests(GatewayFixture gateway)
{
    private const string Fields = "\"max_tokens\": 40, \"ignore_eos\": true";

    [Fact]
    public async Task Stream_Joined_IsTheUnstreamedText()
    {
        JsonElement whole = await gateway.Http.CompleteAsync(Fields);
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields);

        Assert.Equal(CompletionTests.Text(whole), GatewayClient.Join(chunks));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(20)]
    public async Task Stream_CutAnywhere_IsTheUnstreamedText(int maxTokens)
    {
        // Single bytes of characters among the tokens: a limit may fall inside a character.
        string fields = $"\"max_tokens\": {maxTokens}, \"ignore_eos\": true, \"temperature\": 2, \"seed\": 11, \"n\": 3";
        JsonElement whole = await gateway.Http.CompleteAsync(fields);
        JsonElement[] chunks = await gateway.Http.StreamAsync(fields);

        Assert.Equal(CompletionTests.Texts(whole), Enumerable.Range(0, 3).Select(index => GatewayClient.Join(chunks, index)));
    }

    [Fact]
    public async Task Stream_Chunks_ShareTheirIdentity()
    {
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields);

        Assert.Single(chunks.Select(chunk => chunk.GetProperty("id").GetString()).Distinct());
        Assert.Single(chunks.Select(chunk => chunk.GetProperty("created").GetInt64()).Distinct());
        Assert.All(chunks, chunk => Assert.Equal(GatewayFixture.ModelName, chunk.GetProperty("model").GetString()));
        Assert.All(chunks, chunk => Assert.Equal("text_completion", chunk.GetProperty("object").GetString()));
    }

    [Fact]
    public async Task Stream_FinishReason_IsNullUntilTheIndexsLastChunk()
    {
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields + ", \"n\": 2, \"logprobs\": 1, \"temperature\": 1, \"seed\": 2");

        for (int index = 0; index < 2; index++)
        {
            JsonElement[] choices = [.. chunks.Select(chunk => chunk.GetProperty("choices")[0]).Where(choice => choice.GetProperty("index").GetInt32() == index)];
            Assert.All(choices[..^1], choice => Assert.Equal(JsonValueKind.Null, choice.GetProperty("finish_reason").ValueKind));
            Assert.Equal("length", choices[^1].GetProperty("finish_reason").GetString());
            Assert.Equal("", choices[^1].GetProperty("text").GetString());
            Assert.Equal(40, choices.Where(choice => choice.GetProperty("logprobs").ValueKind == JsonValueKind.Object)
                .Sum(choice => choice.GetProperty("logprobs").GetProperty("tokens").GetArrayLength()));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Stream_IncludeUsage_EndsWithTheCounts(int n)
    {
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields + $", \"n\": {n}, \"stream_options\": {{\"include_usage\": true}}");

        Assert.All(chunks[..^1], chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
        Assert.All(chunks[..^1], chunk => Assert.Equal(1, chunk.GetProperty("choices").GetArrayLength()));
        Assert.Equal(0, chunks[^1].GetProperty("choices").GetArrayLength());
        Assert.Equal((5, 40 * n, 5 + 40 * n), CompletionTests.Usage(chunks[^1]));
    }

    [Theory]
    [InlineData("")]
    [InlineData(", \"stream_options\": {}")]
    [InlineData(", \"stream_options\": {\"include_usage\": false}")]
    public async Task Stream_WithoutIncludeUsage_HasNoUsage(string options)
    {
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields + options);

        Assert.All(chunks, chunk => Assert.False(chunk.TryGetProperty("usage", out _)));
        Assert.All(chunks, chunk => Assert.Equal(1, chunk.GetProperty("choices").GetArrayLength()));
    }

    [Fact]
    public async Task Stream_Bytes_AreDataLinesAndOneDone()
    {
        string text = await gateway.Http.StreamTextAsync(Fields);

        Assert.All(text.Split('\n'), line => Assert.True(line.Length == 0 || line.StartsWith("data: ", StringComparison.Ordinal) || line.StartsWith(':'), line));
        Assert.EndsWith("\n\ndata: [DONE]\n\n", text);
        Assert.Equal(1, text.Split("[DONE]").Length - 1);
        Assert.All(text, character => Assert.True(char.IsAscii(character)));
    }

    [Fact]
    public async Task Stream_Headers_KeepProxiesFromBuffering()
    {
        using HttpResponseMessage response = await gateway.Http.OpenStreamAsync(Fields);

        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-cache", response.Headers.CacheControl?.ToString());
        Assert.Equal("no", Assert.Single(response.Headers.GetValues("X-Accel-Buffering")));
        Assert.Empty(response.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task Stream_SeveralPrompts_CarriesEveryIndexAndOneDone()
    {
        const string Prompts = ", \"prompt\": [\"My lord\", \"Once more\"], \"n\": 2";
        JsonElement whole = await gateway.Http.CompleteAsync(Fields + Prompts);
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields + Prompts);

        Assert.Equal(CompletionTests.Texts(whole), Enumerable.Range(0, 4).Select(index => GatewayClient.Join(chunks, index)));
    }

    [Fact]
    public async Task Stream_Stop_NeverLeaksItsBeginning()
    {
        JsonElement[] chunks = await gateway.Http.StreamAsync(Fields + ", \"stop\": \" mYv\"");

        Assert.Equal(" w<", GatewayClient.Join(chunks));
        Assert.Equal("stop", CompletionTests.Finish(chunks[^1]));
    }

    [Fact]
    public async Task Stream_Echo_SendsThePromptFirst()
    {
        JsonElement[] chunks = await gateway.Http.StreamAsync("\"max_tokens\": 0, \"echo\": true, \"n\": 2");

        Assert.Equal("Once more", GatewayClient.Join(chunks, 0));
        Assert.Equal("Once more", GatewayClient.Join(chunks, 1));
    }

    [Fact]
    public async Task Stream_TwoAtOnce_BothAreServedBeforeEitherEnds()
    {
        var release = new TaskCompletionSource();
        await using GatewayServer server = await gateway.StartAsync((chunk, cancellation) => chunk < 1 ? Task.CompletedTask : release.Task.WaitAsync(cancellation));
        using var client = new GatewayClient(server.Address);
        using HttpResponseMessage first = await client.OpenStreamAsync(Fields), second = await client.OpenStreamAsync(Fields);
        using var one = new StreamReader(await first.Content.ReadAsStreamAsync());
        using var two = new StreamReader(await second.Content.ReadAsStreamAsync());
        Assert.StartsWith("data: {", await one.ReadLineAsync());
        Assert.StartsWith("data: {", await two.ReadLineAsync());

        release.SetResult();

        string rest = await one.ReadToEndAsync();
        Assert.EndsWith("data: [DONE]\n\n", rest);
        Assert.Equal(rest.Length, (await two.ReadToEndAsync()).Length);
    }

    [Fact]
    public async Task Stream_Silence_IsFilledWithComments()
    {
        var release = new TaskCompletionSource();
        await using GatewayServer server = await gateway.StartAsync((_, cancellation) => release.Task.WaitAsync(cancellation), TimeSpan.FromMilliseconds(20));
        using var client = new GatewayClient(server.Address);

        using HttpResponseMessage response = await client.OpenStreamAsync(Fields);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (int i = 0; i < 3; i++)
        {
            Assert.StartsWith(":", await reader.ReadLineAsync());
            Assert.Equal("", await reader.ReadLineAsync());
        }

        release.SetResult();
        Assert.EndsWith("data: [DONE]\n\n", await reader.ReadToEndAsync());
    }

    [Fact]
    public async Task Stream_TokensWithoutText_AreFilledWithCommentsByTheClock()
    {
        // Tokens come faster than comments are due, and none of them has text.
        await using GatewayServer server = await gateway.StartAsync((_, cancellation) => Task.Delay(10, cancellation), TimeSpan.FromMilliseconds(40));
        using var client = new GatewayClient(server.Address);

        string text = await client.StreamTextAsync("\"max_tokens\": 60, \"ignore_eos\": true, \"logit_bias\": {\"0\": 100}");

        Assert.Contains(": keep-alive\n\n", text);
        Assert.Single(text.Split("\n\n"), item => item.StartsWith("data: {", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stream_FailsInTheMiddle_SendsTheErrorAndBreaksOff()
    {
        await using GatewayServer server = await gateway.StartAsync((chunk, _) => chunk < 3 ? Task.CompletedTask : throw new InvalidOperationException("secret"));
        using var client = new GatewayClient(server.Address);

        using HttpResponseMessage response = await client.OpenStreamAsync(Fields);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        List<string> lines = [];
        await Assert.ThrowsAnyAsync<HttpIOException>(async () =>
        {
            while (await reader.ReadLineAsync() is { } line) lines.Add(line);
        });

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonElement error = JsonDocument.Parse(lines[^2]["data: ".Length..]).RootElement.GetProperty("error");
        Assert.Equal("server_error", error.GetProperty("type").GetString());
        Assert.DoesNotContain("secret", error.ToString());
        Assert.DoesNotContain(lines, line => line.Contains("[DONE]", StringComparison.Ordinal) || line.Contains("\"length\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_ClientLeaves_CancelsTheRequest(bool stream)
    {
        var cancelled = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        await using GatewayServer server = await gateway.StartAsync(async (chunk, cancellation) =>
        {
            if (chunk < 2) return;
            started.TrySetResult();
            using CancellationTokenRegistration registration = cancellation.Register(() => cancelled.TrySetResult());
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        using var client = new GatewayClient(server.Address);
        using var leave = new CancellationTokenSource();

        Task<HttpResponseMessage> call = stream
            ? client.OpenStreamAsync(Fields, leave.Token)
            : client.Http.PostAsync("/v1/completions", GatewayClient.Json(GatewayClient.Body(Fields)), leave.Token);
        await started.Task;
        Assert.Equal(1, server.RunningRequests);
        if (stream) (await call).Dispose();
        else await leave.CancelAsync();

        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await server.DrainAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(0, server.RunningRequests);
    }
}
