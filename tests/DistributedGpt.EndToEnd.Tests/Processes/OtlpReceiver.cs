using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Takes OTLP over HTTP and keeps the names in it: in the wire format they stand as they are.</summary>
internal sealed partial class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, bool> _metrics = new();
    private readonly ConcurrentQueue<string> _traces = new();

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>What makes a process send everything here at once.</summary>
    public Dictionary<string, string> Environment => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single(),
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        ["OTEL_TRACES_SAMPLER"] = "always_on",
    };

    /// <summary>The names of this project's instruments that have come.</summary>
    public ICollection<string> Metrics => _metrics.Keys;

    /// <summary>Everything that has come of traces, as text.</summary>
    public string Traces => string.Concat(_traces);

    /// <summary>Begins to listen.</summary>
    public static async Task<OtlpReceiver> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.Run(receiver.TakeAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [GeneratedRegex(@"dgpt(\.[a-z_]+)+")]
    private static partial Regex Instrument();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        string text = Encoding.Latin1.GetString(body.ToArray());
        if (context.Request.Path == "/v1/traces") _traces.Enqueue(text);
        if (context.Request.Path != "/v1/metrics") return;
        foreach (Match name in Instrument().Matches(text)) _metrics[name.Value] = true;
    }
}
