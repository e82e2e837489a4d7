using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedGpt.Gateway;

/// <summary>
/// Server-sent events as OpenAI's clients read them: <c>data:</c> lines and comments, nothing else, each flushed at once.
/// </summary>
/// <seealso href="https://html.spec.whatwg.org/multipage/server-sent-events.html">HTML: server-sent events</seealso>
internal sealed class EventStream(HttpContext context)
{
    private readonly Utf8JsonWriter _json = new(Stream.Null);
    private long _lastWrite = Stopwatch.GetTimestamp();

    /// <summary>How long nothing has been sent.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(_lastWrite);

    /// <summary>Sends the headers. After this an error can only be an event.</summary>
    public Task StartAsync()
    {
        HttpResponse response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        return response.StartAsync(context.RequestAborted);
    }

    /// <summary>Sends one event, whose data <paramref name="write"/> writes.</summary>
    public Task SendAsync(Action<Utf8JsonWriter> write)
    {
        Append("data: "u8);
        _json.Reset(context.Response.BodyWriter);
        write(_json);
        _json.Flush();
        Append("\n\n"u8);
        return FlushAsync();
    }

    /// <summary>Sends a comment, which clients skip.</summary>
    public Task KeepAliveAsync()
    {
        Append(": keep-alive\n\n"u8);
        return FlushAsync();
    }

    /// <summary>Sends the mark of a complete stream.</summary>
    public Task EndAsync()
    {
        Append("data: [DONE]\n\n"u8);
        return FlushAsync();
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(context.Response.BodyWriter.GetSpan(bytes.Length));
        context.Response.BodyWriter.Advance(bytes.Length);
    }

    private async Task FlushAsync()
    {
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        _lastWrite = Stopwatch.GetTimestamp();
    }
}
