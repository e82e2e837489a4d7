namespace DistributedGpt.EndToEnd.Tests;

/// <summary>What the links between silos do to what is said there changes no text.</summary>
public sealed class LinkTests
{
    [Fact]
    public async Task Flip_BitsOfFrames_AreRefusedAndTheTextStaysTheSame()
    {
        const int Flips = 5;
        await using OtlpReceiver receiver = await OtlpReceiver.StartAsync();
        await using TestCluster cluster = await TestCluster.StartBehindProxiesAsync(receiver.Environment, "A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(60);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        int frames = 0;
        foreach (string silo in (string[])["A", "B"]) cluster.Proxy(silo).Damage = FlipNowAndThen;
        string[] disturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        Assert.True(frames > 10 * Flips, $"{frames} frames");
        await Waiting.UntilAsync(() => Task.FromResult(receiver.Metrics), metrics => metrics.Contains("dgpt.border.refused"));

        // Nothing else is as long, and a frame stands at the end of its message.
        void FlipNowAndThen(byte[] message)
        {
            if (message.Length > 4096 && Interlocked.Increment(ref frames) is var frame && frame % 10 == 0 && frame <= 10 * Flips) message[^1024] ^= 4;
        }
    }

    [Fact]
    public async Task Delay_OfEveryLinkThenStalls_EvictsNobody()
    {
        await using TestCluster cluster = await TestCluster.StartBehindProxiesAsync(new Dictionary<string, string>(), "A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(40);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        string[] before = await cluster.AddressesAsync();

        string[] delayed = await UnderAsync(() => TimeSpan.FromMilliseconds(20));

        // As where every fiftieth packet is lost and sent again after the usual time.
        string[] stalling = await UnderAsync(() => TimeSpan.FromMilliseconds(Random.Shared.Next(50) == 0 ? 200 : 5));

        Assert.True(undisturbed.SequenceEqual(delayed), cluster.Logs);
        Assert.True(undisturbed.SequenceEqual(stalling), cluster.Logs);
        await cluster.AssertNothingIsLeftAsync("A", "B", "C");
        Assert.Equal(before, await cluster.AddressesAsync());

        Task<string[]> UnderAsync(Func<TimeSpan> delay)
        {
            foreach (string silo in (string[])["A", "B", "C"]) cluster.Proxy(silo).Delay = delay;
            return new RunningStreams(cluster.Http, requests).EndAsync();
        }
    }
}
