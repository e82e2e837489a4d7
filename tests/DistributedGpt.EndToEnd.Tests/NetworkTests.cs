using System.Diagnostics;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Silos on hosts of their own, whose network fails.</summary>
public sealed class NetworkTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Network_SplitUnpluggedAndDeafInOneDirection_StreamsSayWhatTheyWouldHaveSaid()
    {
        Assert.SkipUnless(HostNetwork.IsSupported, "separate hosts take root and the Debian package iproute2");
        using var network = new HostNetwork();
        await using TestCluster cluster = await TestCluster.StartOnHostsAsync(network, "A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(60);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        string head = await cluster.HeadSiloAsync();
        await LoseAsync(() => network.Partition(head), () => network.Heal(head), head);
        string coordinator = await cluster.CoordinatorSiloAsync();
        await LoseAsync(() => network.Unplug(coordinator), () => network.Plug(coordinator), coordinator);
        string from = await cluster.EmbeddingSiloAsync(), to = await cluster.HeadSiloAsync();
        await LoseAsync(() => network.Lose(from, to), () => network.Find(from, to), from, to);

        async Task LoseAsync(Action begin, Action end, params string[] victims)
        {
            var streams = new RunningStreams(cluster.Http, requests);
            await streams.ReachAsync(100);
            Task<Task> restart = Task.WhenAny(victims.Select(cluster.RestartOnceItEndsAsync));
            begin();
            var watch = Stopwatch.StartNew();
            string[] disturbed = await streams.EndAsync();
            output.WriteLine($"{watch.Elapsed.TotalMilliseconds:N0} ms from the loss of {string.Join(" to ", victims)} to the end of the streams");
            Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);

            // One was declared dead meanwhile: once it hears so it must end, and its supervisor starts it again.
            end();
            await await restart;
            await cluster.AssertNothingIsLeftAsync("A", "B", "C");
        }
    }
}
