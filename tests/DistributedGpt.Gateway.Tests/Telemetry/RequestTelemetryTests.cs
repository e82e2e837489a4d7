using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using DistributedGpt.Cluster;
using DistributedGpt.Tests;

namespace DistributedGpt.Gateway.Tests;

/// <summary>A gateway before a cluster whose model has a name that no other test uses.</summary>
public sealed class RequestTelemetryTests : IAsyncLifetime
{
    private const string Model = "heard";
    private const int LongestShort = 20;

    private readonly ConcurrentBag<(string Instrument, double Value, string? Outcome)> _measurements = [];
    private readonly ConcurrentBag<Activity> _activities = [];
    private readonly MeterListener _meters = new();
    private readonly ActivityListener _source;
    private EmbeddedCluster? _cluster;
    private GatewayServer? _server;
    private HttpClient? _http;

    public RequestTelemetryTests()
    {
        _meters.InstrumentPublished = (instrument, meters) =>
        {
            if (instrument.Meter == GatewayTelemetry.Meter) meters.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<double>(Hear);
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, state) => Hear(instrument, value, tags, state));
        _meters.SetMeasurementEventCallback<int>((instrument, value, tags, state) => Hear(instrument, value, tags, state));
        _meters.Start();
        _source = new ActivityListener
        {
            ShouldListenTo = source => source == GatewayTelemetry.Activities,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _activities.Add,
        };
        ActivitySource.AddActivityListener(_source);
    }

    public async ValueTask InitializeAsync()
    {
        _cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = TestData.Find("golden", "llama"), ModelName = Model, Threads = 1, KvTokens = 224 });

        // A long stream goes on until its client has left.
        var client = new InterceptedClient(_cluster.Client, (chunk, cancellation) => chunk < LongestShort ? Task.CompletedTask : Task.Delay(Timeout.Infinite, cancellation));
        _server = await GatewayServer.StartAsync(client, new GatewayOptions { Port = 0 });
        _http = new HttpClient { BaseAddress = _server.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _meters.Dispose();
        _source.Dispose();
        _http?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Metrics_OfRequests_TellTheirEnds()
    {
        Assert.Equal(HttpStatusCode.OK, await PostAsync("\"prompt\": [[1, 2, 3], [4]], \"max_tokens\": 5, \"ignore_eos\": true"));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync("\"prompt\": [1, 2], \"max_tokens\": 250"));
        using (HttpResponseMessage stream = await OpenAsync("\"prompt\": [1], \"max_tokens\": 200, \"ignore_eos\": true, \"stream\": true"))
            await stream.Content.ReadAsStream().ReadExactlyAsync(new byte[8]);
        await WaitAsync(() => Values("dgpt.request.duration").Length == 4);

        Assert.Equal(["cancelled", "completed", "completed", "refused"], _measurements.Where(each => each.Instrument == "dgpt.request.duration").Select(each => each.Outcome).Order());
        Assert.Equal(4 + 2 + 1, Values("dgpt.request.prompt_tokens").Sum());
        Assert.InRange(Values("dgpt.request.completion_tokens").Sum(), 2 * 5 + 1, 2 * 5 + LongestShort);
        Assert.Equal(3, Values("dgpt.request.time_to_first_token").Count(seconds => seconds > 0));
        Assert.Equal(0, Values("dgpt.request.running").Sum());
        Assert.Equal(4, Values("dgpt.request.running").Count(change => change > 0));
    }

    [Fact]
    public async Task Trace_OfARequest_SaysWhatItWas()
    {
        await PostAsync("\"prompt\": [1, 2, 3], \"max_tokens\": 5, \"ignore_eos\": true");

        Activity request = Assert.Single(_activities, each => each.OperationName == "generate" && Model.Equals(each.GetTagItem("dgpt.model")));
        Assert.Equal((3, 5, "completed"), (request.GetTagItem("dgpt.prompt_tokens"), request.GetTagItem("dgpt.completion_tokens"), request.GetTagItem("dgpt.outcome")));
        Assert.Equal("first token", Assert.Single(request.Events).Name);
    }

    private double[] Values(string instrument) => [.. _measurements.Where(each => each.Instrument == instrument).Select(each => each.Value)];

    private async Task<HttpStatusCode> PostAsync(string fields)
    {
        using HttpResponseMessage response = await OpenAsync(fields);
        await response.Content.ReadAsByteArrayAsync();
        return response.StatusCode;
    }

    private async Task<HttpResponseMessage> OpenAsync(string fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = GatewayClient.Json($$"""{"model": "{{Model}}", {{fields}}}""") };
        return await _http!.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private void Hear(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        Dictionary<string, object?> named = new(tags.ToArray());
        if (Model.Equals(named["model"])) _measurements.Add((instrument.Name, value, named.GetValueOrDefault("outcome") as string));
    }

    private static async Task WaitAsync(Func<bool> wanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!wanted()) await Task.Delay(10, patience.Token);
    }
}
