using System.Text.RegularExpressions;
using DistributedGpt.Tests;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>What an operator's tools are sent.</summary>
public sealed partial class TelemetryTests
{
    [Fact]
    public async Task Export_FromACluster_HasAllThatTheDashboardShows()
    {
        string dashboard = await File.ReadAllTextAsync(Path.Combine(TestData.RepositoryRoot, "deploy", "grafana", "dashboards", "dgpt.json"), TestContext.Current.CancellationToken);
        string[] shown = [.. Shown().Matches(dashboard).Select(match => match.Groups[1].Value).Distinct()];
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        await using TestCluster cluster = await TestCluster.StartAsync(receiver.Environment, "A", "B");
        StreamRequest request = StreamRequest.OfEveryKind(20)[0];
        await request.RunAsync(cluster.Http);
        await cluster.Silo("B").KillAsync();
        await request.RunAsync(cluster.Http);

        Assert.NotEmpty(shown);
        await Waiting.UntilAsync(() => Task.FromResult(shown.Except(receiver.Metrics.Select(name => name.Replace('.', '_')))), missing => !missing.Any());
        await Waiting.UntilAsync(() => Task.FromResult(receiver.Traces), traces =>
            traces.Contains("DistributedGpt.Cluster", StringComparison.Ordinal) && traces.Contains("dgpt.epoch", StringComparison.Ordinal)
            && traces.Contains("dgpt.first_layer", StringComparison.Ordinal) && traces.Contains("dgpt.outcome", StringComparison.Ordinal)
            && traces.Contains("dgpt-silo", StringComparison.Ordinal) && traces.Contains("dgpt-gateway", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Export_EndpointThatIsNoUrl_IsOneLineOfError()
    {
        const string Variable = "OTEL_EXPORTER_OTLP_ENDPOINT";
        await using DgptProcess process = DgptProcess.Start(new Dictionary<string, string> { [Variable] = "collector:4317" }, "silo", "--cluster", "redis://127.0.0.1:1/x");

        Assert.Equal((1, ""), await process.EndAsync());
        Assert.Equal($"error: {Variable}: expected a URL such as http://127.0.0.1:4317, found 'collector:4317'\n", process.Error);
    }

    /// <summary>A name as Prometheus has it, before what the collector appends for kind and unit.</summary>
    [GeneratedRegex(@"\b(dgpt_[a-z_]+?)(_seconds|_bytes)?(_bucket|_sum|_count|_total)?\b")]
    private static partial Regex Shown();
}
