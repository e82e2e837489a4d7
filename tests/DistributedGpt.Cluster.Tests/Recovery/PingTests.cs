using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.Cluster.Tests;

/// <summary>Pings are answered by a silo whatever it computes.</summary>
public sealed class PingTests
{
    [Fact]
    public async Task Ping_ASiloWhoseLaneIsBusy_IsAnswered()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(
            new EmbeddedClusterOptions { ModelPath = new Golden("gpt2").Folder, Silos = 2 }, null, TestContext.Current.CancellationToken);
        SiloAgents agents = cluster.Silos[0].GetRequiredService<SiloAgents>();
        SiloAddress[] silos = [.. cluster.Silos.Select(silo => silo.GetRequiredService<ILocalSiloDetails>().SiloAddress)];
        using var computed = new ManualResetEventSlim();
        cluster.Silos[1].GetRequiredService<ComputeDevice>().Lane.Enqueue(computed.Wait);

        Assert.True(await agents.PingAsync(silos[1], TimeSpan.FromMinutes(1)));
        Assert.True(await agents.FindWhetherReachesAsync(silos[1], silos[0]));
        computed.Set();
    }

    [Fact]
    public async Task Ping_ASiloThatIsNotThere_IsNotAnswered()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(
            new EmbeddedClusterOptions { ModelPath = new Golden("gpt2").Folder, Silos = 2 }, null, TestContext.Current.CancellationToken);
        SiloAgents agents = cluster.Silos[0].GetRequiredService<SiloAgents>();
        SiloAddress there = cluster.Silos[1].GetRequiredService<ILocalSiloDetails>().SiloAddress;
        SiloAddress gone = SiloAddress.New(there.Endpoint, there.Generation - 1);

        Assert.False(await agents.PingAsync(gone, TimeSpan.FromSeconds(1)));
        Assert.False(await agents.FindWhetherReachesAsync(there, gone));
    }
}
