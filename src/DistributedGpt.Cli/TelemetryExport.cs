using DistributedGpt.Client;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace DistributedGpt.Cli;

/// <summary>
/// Sends metrics and traces of this process to where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, or the same of one signal alone, says; all
/// other variables of OpenTelemetry count as well. Where none names an endpoint, nothing is measured and nothing is sent.
/// </summary>
internal static class TelemetryExport
{
    private const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Hundreds of steps a second are too many traces; the usual variables choose another sampler or part.</summary>
    private static readonly Dictionary<string, string?> s_defaults = new() { ["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio", ["OTEL_TRACES_SAMPLER_ARG"] = "0.01" };

    /// <summary>Begins to export, until the result is disposed.</summary>
    /// <param name="service">The default name of the service; OTEL_SERVICE_NAME wins.</param>
    /// <param name="instance">The name of the process among those of the service.</param>
    /// <returns>Null where nothing is to be exported.</returns>
    /// <exception cref="InputException">An endpoint is no URL.</exception>
    public static IDisposable? Start(string service, string instance)
    {
        bool metrics = IsAsked("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"), traces = IsAsked("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        if (!metrics && !traces) return null;
        HostApplicationBuilder builder = OwnedHost.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(s_defaults).AddEnvironmentVariables();
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(service, serviceInstanceId: instance).AddEnvironmentVariableDetector());
        if (metrics) telemetry.WithMetrics(each => each.AddMeter("DistributedGpt.*", "Microsoft.AspNetCore.Hosting", "System.Runtime").AddOtlpExporter());
        if (traces) telemetry.WithTracing(each => each.AddSource("DistributedGpt.*", "Microsoft.AspNetCore").AddOtlpExporter());
        IHost host = builder.Build();
        host.Start();
        return host;
    }

    private static bool IsAsked(string signalVariable) => IsEndpoint(signalVariable) || IsEndpoint(EndpointVariable);

    private static bool IsEndpoint(string variable)
    {
        string? value = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(value)) return false;
        return Uri.TryCreate(value, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
            ? true
            : throw new InputException($"{variable}: expected a URL such as http://127.0.0.1:4317, found '{value}'");
    }
}
