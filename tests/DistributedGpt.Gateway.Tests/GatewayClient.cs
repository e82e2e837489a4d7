using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace DistributedGpt.Gateway.Tests;

/// <summary>Plain HTTP to a gateway.</summary>
public sealed class GatewayClient(Uri address) : IDisposable
{
    public HttpClient Http { get; } = new() { BaseAddress = address };

    public void Dispose() => Http.Dispose();

    /// <summary>A body for the golden prompt; later fields win, so any of them can be given again.</summary>
    public static string Body(string fields = "") =>
        $$"""{"model": "{{GatewayFixture.ModelName}}", "prompt": "Once more", "temperature": 0{{(fields.Length > 0 ? ", " + fields : "")}}}""";

    public static HttpContent Json(string body)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    /// <summary>The answer to a completion that must succeed.</summary>
    public async Task<JsonElement> CompleteAsync(string fields = "")
    {
        (HttpStatusCode status, JsonElement json) = await PostAsync(Body(fields));
        Assert.True(status == HttpStatusCode.OK, json.ToString());
        return json;
    }

    public Task<(HttpStatusCode Status, JsonElement Json)> PostAsync(string body) => PostAsync(Json(body));

    public async Task<(HttpStatusCode Status, JsonElement Json)> PostAsync(HttpContent content)
    {
        using HttpResponseMessage response = await Http.PostAsync("/v1/completions", content);
        return (response.StatusCode, await ReadAsync(response));
    }

    public async Task<HttpResponseMessage> OpenStreamAsync(string fields, CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = Json(Body(fields + ", \"stream\": true")) };
        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <summary>The whole text of a stream that must succeed.</summary>
    public async Task<string> StreamTextAsync(string fields)
    {
        using HttpResponseMessage response = await OpenStreamAsync(fields);
        string text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        return text;
    }

    /// <summary>The chunks of a stream that must succeed: it must end with [DONE], which is left out.</summary>
    public async Task<JsonElement[]> StreamAsync(string fields)
    {
        string[] events = (await StreamTextAsync(fields)).Split("\n\n");
        Assert.Equal("", events[^1]);
        Assert.Equal("data: [DONE]", events[^2]);
        return [.. events[..^2].Where(item => !item.StartsWith(':')).Select(item =>
        {
            Assert.StartsWith("data: ", item);
            return JsonDocument.Parse(item["data: ".Length..]).RootElement;
        })];
    }

    /// <summary>The text of one choice of a stream.</summary>
    public static string Join(IEnumerable<JsonElement> chunks, int index = 0) => string.Concat(chunks
        .SelectMany(chunk => chunk.GetProperty("choices").EnumerateArray())
        .Where(choice => choice.GetProperty("index").GetInt32() == index)
        .Select(choice => choice.GetProperty("text").GetString()));

    public static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }
}
