namespace DistributedGpt.EndToEnd.Tests;

/// <summary>The compose file, without containers: docker-compose reads it, and what it starts serves.</summary>
public sealed class ComposeTests
{
    [Fact]
    public async Task Up_TwoSilos_ServesTheBundledModelAndSurvivesAKill()
    {
        Assert.SkipUnless(HostNetwork.IsSupported, "separate hosts take root and the Debian package iproute2");
        string expected = await DgptProcess.RunAsync("generate", "ROMEO:", "--temperature", "0", "--max-tokens", "60");
        await using ComposeCluster cluster = await ComposeCluster.StartAsync(silos: 2);

        Assert.Equal(expected, await cluster.CompleteAsync("ROMEO:", 60));
        await cluster.KillAndRestartAsync("silo-2");
        Assert.Equal(expected, await cluster.CompleteAsync("ROMEO:", 60));
    }

    [Fact]
    public async Task File_WithoutAProfile_StartsAClusterOnTheCpu()
    {
        ComposeFile file = await ComposeFile.ReadAsync();

        Assert.Equal(["gateway", "load", "redis", "silo"], file.Services.Where(service => file.Profiles(service).Length == 0).Order(StringComparer.Ordinal));
        Assert.Equal(["silo-gpu"], file.Services.Where(service => file.Profiles(service) is ["gpu"]));
        Assert.Equal(["grafana", "jaeger", "otel-collector", "prometheus"], file.Services.Where(service => file.Profiles(service) is ["telemetry"]).Order(StringComparer.Ordinal));
        await Dgpt.AcceptsAsync(file.Command("silo-gpu"));
    }
}
