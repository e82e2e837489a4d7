using System.Diagnostics.Metrics;

namespace DistributedGpt.Gateway;

/// <summary>The requests that a gateway passes on to the cluster: each prompt of a call is one.</summary>
internal static class RequestMetrics
{
    private static readonly Histogram<double> s_duration =
        CreateSeconds("dgpt.request.duration", "From the submission to the end; the tag outcome says which: completed, refused, failed or cancelled.");

    private static readonly Histogram<double> s_timeToFirstToken =
        CreateSeconds("dgpt.request.time_to_first_token", "From the submission to the first token of any completion.");

    private static readonly Histogram<double> s_timePerOutputToken =
        CreateSeconds("dgpt.request.time_per_output_token", "From the first token to the last, by the tokens after the first; all completions together.");

    private static readonly UpDownCounter<int> s_running =
        GatewayTelemetry.Meter.CreateUpDownCounter<int>("dgpt.request.running", "{request}", "Requests under way.");

    private static readonly Counter<long> s_promptTokens =
        GatewayTelemetry.Meter.CreateCounter<long>("dgpt.request.prompt_tokens", "{token}", "Tokens of prompts.");

    private static readonly Counter<long> s_completionTokens =
        GatewayTelemetry.Meter.CreateCounter<long>("dgpt.request.completion_tokens", "{token}", "Tokens delivered.");

    /// <summary>Whether anybody listens.</summary>
    public static bool IsEnabled => s_duration.Enabled;

    /// <summary>A request was submitted.</summary>
    public static void Began(string model, int promptTokens)
    {
        s_running.Add(1, Tag(model));
        s_promptTokens.Add(promptTokens, Tag(model));
    }

    /// <summary>Its first token has come.</summary>
    public static void FirstToken(string model, TimeSpan elapsed) => s_timeToFirstToken.Record(elapsed.TotalSeconds, Tag(model));

    /// <summary>It has ended.</summary>
    /// <param name="model">Its model.</param>
    /// <param name="outcome">How.</param>
    /// <param name="elapsed">Since the submission.</param>
    /// <param name="tokens">Tokens delivered.</param>
    /// <param name="streaming">From the first token to the last.</param>
    public static void Ended(string model, string outcome, TimeSpan elapsed, int tokens, TimeSpan streaming)
    {
        s_running.Add(-1, Tag(model));
        s_duration.Record(elapsed.TotalSeconds, Tag(model), new("outcome", outcome));
        s_completionTokens.Add(tokens, Tag(model));
        if (tokens > 1) s_timePerOutputToken.Record(streaming.TotalSeconds / (tokens - 1), Tag(model));
    }

    private static KeyValuePair<string, object?> Tag(string model) => new("model", model);

    private static Histogram<double> CreateSeconds(string name, string description) => GatewayTelemetry.Meter.CreateHistogram(
        name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300] });
}
