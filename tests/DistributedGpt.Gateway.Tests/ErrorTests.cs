using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using DistributedGpt.Engine;

namespace DistributedGpt.Gateway.Tests;

public sealed class ErrorTests(GatewayFixture gateway)
{
    private const string Nested = "{\"a\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[";

    public static TheoryData<string, string> BadFields { get; } = new()
    {
        { "\"prompt\": \"\"", "prompt" },
        { "\"prompt\": null", "prompt" },
        { "\"prompt\": []", "prompt" },
        { "\"prompt\": 7", "prompt" },
        { "\"prompt\": {}", "prompt" },
        { "\"prompt\": [\"a\", 7]", "prompt" },
        { "\"prompt\": [7, \"a\"]", "prompt" },
        { "\"prompt\": [[7], 7]", "prompt" },
        { "\"prompt\": [[]]", "prompt" },
        { "\"prompt\": [384]", "prompt" },
        { "\"prompt\": [-1]", "prompt" },
        { "\"prompt\": [4294967296]", "prompt" },
        { "\"prompt\": [1.5]", "prompt" },
        { "\"prompt\": \"\\ud83d\"", "prompt" },
        { "\"model\": null", "model" },
        { "\"model\": 7", "model" },
        { "\"max_tokens\": -1", "max_tokens" },
        { "\"max_tokens\": \"7\"", "max_tokens" },
        { "\"max_tokens\": 1.5", "max_tokens" },
        { "\"max_tokens\": true", "max_tokens" },
        { "\"max_tokens\": 252", "max_tokens" },
        { "\"max_tokens\": 2147483647", "max_tokens" },
        { "\"max_tokens\": 99999999999", "max_tokens" },
        { "\"n\": 0", "n" },
        { "\"n\": 129", "n" },
        { "\"n\": 100, \"prompt\": [\"a\", \"b\"]", "n" },
        { "\"n\": \"1\"", "n" },
        { "\"n\": 2, \"best_of\": 1", "best_of" },
        { "\"best_of\": 2", "best_of" },
        { "\"temperature\": -0.1", "temperature" },
        { "\"temperature\": 2.1", "temperature" },
        { "\"temperature\": 1e999", "temperature" },
        { "\"temperature\": \"1\"", "temperature" },
        { "\"top_p\": -0.1", "top_p" },
        { "\"top_p\": 1.1", "top_p" },
        { "\"top_k\": -2", "top_k" },
        { "\"top_k\": 1.5", "top_k" },
        { "\"min_p\": 1.5", "min_p" },
        { "\"repetition_penalty\": 0", "repetition_penalty" },
        { "\"presence_penalty\": 2.5", "presence_penalty" },
        { "\"frequency_penalty\": -2.5", "frequency_penalty" },
        { "\"min_tokens\": -1", "min_tokens" },
        { "\"min_tokens\": 17", "min_tokens" },
        { "\"seed\": \"x\"", "seed" },
        { "\"seed\": 1.5", "seed" },
        { "\"seed\": 9223372036854775808", "seed" },
        { "\"stop\": \"\"", "stop" },
        { "\"stop\": [\"a\", \"\"]", "stop" },
        { "\"stop\": [\"a\", \"b\", \"c\", \"d\", \"e\"]", "stop" },
        { "\"stop\": 7", "stop" },
        { "\"stop\": [7]", "stop" },
        { "\"stop\": \"\\udc00\"", "stop" },
        { "\"stop_token_ids\": [384]", "stop_token_ids" },
        { "\"stop_token_ids\": [-1]", "stop_token_ids" },
        { "\"stop_token_ids\": 5", "stop_token_ids" },
        { "\"logit_bias\": {\"AI\": 1}", "logit_bias" },
        { "\"logit_bias\": {\"384\": 1}", "logit_bias" },
        { "\"logit_bias\": {\"-1\": 1}", "logit_bias" },
        { "\"logit_bias\": {\"1.0\": 1}", "logit_bias" },
        { "\"logit_bias\": {\"5\": 101}", "logit_bias" },
        { "\"logit_bias\": {\"5\": \"1\"}", "logit_bias" },
        { "\"logit_bias\": []", "logit_bias" },
        { "\"logprobs\": 6", "logprobs" },
        { "\"logprobs\": -1", "logprobs" },
        { "\"logprobs\": true", "logprobs" },
        { "\"echo\": true, \"logprobs\": 1", "echo" },
        { "\"echo\": \"yes\"", "echo" },
        { "\"ignore_eos\": 1", "ignore_eos" },
        { "\"suffix\": \"end\"", "suffix" },
        { "\"skip_special_tokens\": false", "skip_special_tokens" },
        { "\"allowed_token_ids\": [5]", "allowed_token_ids" },
        { "\"response_format\": {\"type\": \"json_object\"}", "response_format" },
        { "\"guided_regex\": \"a+\"", "guided_regex" },
        { "\"tools\": []", "tools" },
        { "\"include_stop_str_in_output\": true", "include_stop_str_in_output" },
    };

    [Theory]
    [MemberData(nameof(BadFields))]
    public async Task Post_BadField_Is400NamingIt(string fields, string param)
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(GatewayClient.Body(fields));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        CheckEnvelope(json, "invalid_request_error", param);
    }

    [Theory]
    [MemberData(nameof(BadFields))]
    public async Task Stream_BadField_Is400NamingIt(string fields, string param)
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(GatewayClient.Body(fields + ", \"stream\": true"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        CheckEnvelope(json, "invalid_request_error", param);
    }

    [Theory]
    [InlineData("\"stream\": \"true\"", "stream")]
    [InlineData("\"stream\": true, \"n\": 2, \"best_of\": 2", "best_of")]
    [InlineData("\"stream\": true, \"stream_options\": []", "stream_options")]
    [InlineData("\"stream\": true, \"stream_options\": {\"include_usage\": 1}", "stream_options.include_usage")]
    [InlineData("\"stream_options\": {\"include_usage\": true}", "stream_options")]
    public async Task Post_BadStreamOption_Is400NamingIt(string fields, string param)
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(GatewayClient.Body(fields));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        CheckEnvelope(json, "invalid_request_error", param);
    }

    [Fact]
    public async Task Post_TooLongForTheContext_NamesLimitAndCounts()
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(GatewayClient.Body("\"max_tokens\": 252"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        JsonElement error = CheckEnvelope(json, "invalid_request_error", "max_tokens");
        Assert.Equal("context_length_exceeded", error.GetProperty("code").GetString());
        foreach (string number in new[] { "256", "5", "252" }) Assert.Contains(number, error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Post_PromptOfTheWholeContext_IsRefusedWithBothNumbers()
    {
        string prompt = string.Join(',', Enumerable.Repeat(50, 256));
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(GatewayClient.Body($"\"prompt\": [{prompt}]"));

        Assert.Equal(HttpStatusCode.BadRequest, status);
        JsonElement error = CheckEnvelope(json, "invalid_request_error", "prompt");
        Assert.Equal("context_length_exceeded", error.GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{\"model\": \"test/llama\",}")]
    [InlineData("{'model': 1}")]
    [InlineData("{\"\\ud83d\": 1, \"model\": \"test/llama\"}")]
    [InlineData(Nested)]
    public async Task Post_BadJson_Is400(string body)
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        CheckEnvelope(json, "invalid_request_error", null);
    }

    [Fact]
    public async Task Post_TextThatIsNotUtf8_Is400()
    {
        byte[] body = [.. Encoding.UTF8.GetBytes("{\"model\": \"test/llama\", \"prompt\": \"a"), 0xFF, .. "\"}"u8];
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(content);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        CheckEnvelope(json, "invalid_request_error", "prompt");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_UnknownModel_Is404(bool stream)
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync($$"""{"model": "nobody", "prompt": "a", "stream": {{(stream ? "true" : "false")}}}""");

        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Equal("model_not_found", CheckEnvelope(json, "invalid_request_error", "model").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Post_ModelUnloadedMeanwhile_Is404()
    {
        await using GatewayServer server = await gateway.StartAsync((_, _) => throw new RequestRefusedException(RequestRefusedException.ModelNotFound, "The model 'test/llama' is not loaded.", "model"));
        using var client = new GatewayClient(server.Address);
        (HttpStatusCode status, JsonElement json) = await client.PostAsync(GatewayClient.Body());

        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Equal("model_not_found", CheckEnvelope(json, "invalid_request_error", "model").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Post_WithoutModel_Is400()
    {
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync("{\"prompt\": \"a\"}");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        CheckEnvelope(json, "invalid_request_error", "model");
    }

    [Theory]
    [InlineData("GET", "/nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "/v1/completions", HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/v1/models", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "/v1/models/test/llama", HttpStatusCode.MethodNotAllowed)]
    public async Task Send_NoSuchRoute_HasTheEnvelope(string method, string path, HttpStatusCode expected)
    {
        using HttpResponseMessage response = await gateway.Http.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(expected, response.StatusCode);
        CheckEnvelope(await GatewayClient.ReadAsync(response), "invalid_request_error", null);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData(null)]
    public async Task Post_OtherContentType_Is415WithTheEnvelope(string? type)
    {
        HttpContent content = GatewayClient.Json(GatewayClient.Body());
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        (HttpStatusCode status, JsonElement json) = await gateway.Http.PostAsync(content);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, status);
        CheckEnvelope(json, "invalid_request_error", null);
    }

    [Theory]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("Application/JSON; charset=\"UTF-8\"")]
    public async Task Post_JsonWithCharset_IsAccepted(string type)
    {
        HttpContent content = GatewayClient.Json(GatewayClient.Body());
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Http.PostAsync(content)).Status);
    }

    [Fact]
    public async Task Post_ChunkedBody_IsAccepted()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = GatewayClient.Json(GatewayClient.Body()) };
        request.Headers.TransferEncodingChunked = true;
        using HttpResponseMessage response = await gateway.Http.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Post_BodyTooLarge_IsAnsweredByA413(bool chunked)
    {
        // Beyond what Kestrel takes by default, so that its own refusal would show.
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = GatewayClient.Json(GatewayClient.Body($"\"user\": \"{new string('x', 40 << 20)}\"")),
        };
        request.Headers.TransferEncodingChunked = chunked;
        using HttpResponseMessage response = await gateway.Http.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        CheckEnvelope(await GatewayClient.ReadAsync(response), "invalid_request_error", null);
    }

    [Theory]
    [InlineData("/v1/completions", "text/plain", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("/nowhere", "application/json", HttpStatusCode.NotFound)]
    [InlineData("/v1/models", "application/json", HttpStatusCode.MethodNotAllowed)]
    public async Task Post_LargeBodyThatNobodyReads_IsAnswered(string path, string type, HttpStatusCode expected)
    {
        using var content = new ByteArrayContent(new byte[40 << 20]);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        using HttpResponseMessage response = await gateway.Http.Http.PostAsync(path, content);

        Assert.Equal(expected, response.StatusCode);
        CheckEnvelope(await GatewayClient.ReadAsync(response), "invalid_request_error", null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Post_QueueFull_Is429WithRetryAfter(bool stream)
    {
        await using GatewayServer server = await gateway.StartAsync((_, _) => throw new RequestRefusedException(RequestRefusedException.QueueFull, "The queue is full: 9 of at most 9 completions wait."));
        using var client = new GatewayClient(server.Address);
        using HttpResponseMessage response = await client.Http.PostAsync("/v1/completions", GatewayClient.Json(GatewayClient.Body($"\"stream\": {(stream ? "true" : "false")}")));

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.InRange(response.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        JsonElement error = CheckEnvelope(await GatewayClient.ReadAsync(response), "rate_limit_error", null);
        Assert.Contains("9 of at most 9", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Post_ClusterDoesNotAnswer_Is503WithRetryAfter()
    {
        await using GatewayServer server = await gateway.StartAsync((_, _) => throw new TimeoutException("secret"));
        using var client = new GatewayClient(server.Address);
        using HttpResponseMessage response = await client.Http.PostAsync("/v1/completions", GatewayClient.Json(GatewayClient.Body()));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal("The cluster does not answer.", CheckEnvelope(await GatewayClient.ReadAsync(response), "server_error", null).GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("GET", "/v1/models", HttpStatusCode.OK)]
    [InlineData("OPTIONS", "/v1/completions", HttpStatusCode.MethodNotAllowed)]
    public async Task Send_FromAnotherOrigin_IsNotGrantedAnything(string method, string path, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Add("Origin", "https://elsewhere.example");
        request.Headers.Add("Access-Control-Request-Method", "POST");
        using HttpResponseMessage response = await gateway.Http.Http.SendAsync(request);

        Assert.Equal(expected, response.StatusCode);
        Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    private static JsonElement CheckEnvelope(JsonElement json, string type, string? param)
    {
        Assert.Equal(["error"], json.EnumerateObject().Select(item => item.Name));
        JsonElement error = json.GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(item => item.Name));
        Assert.NotEqual("", error.GetProperty("message").GetString());
        Assert.Equal(type, error.GetProperty("type").GetString());
        Assert.Equal(param, error.GetProperty("param").GetString());
        Assert.True(error.GetProperty("code").ValueKind is JsonValueKind.String or JsonValueKind.Null);
        return error;
    }
}
