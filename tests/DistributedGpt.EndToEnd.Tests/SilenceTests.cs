using System.Diagnostics;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A silo that is silent is replaced; one that is only slow is left alone.</summary>
public sealed class SilenceTests(ITestOutputHelper output)
{
    private const int Tokens = 120;

    [Fact]
    public async Task Stop_ASiloThatHangs_IsReplacedAndStartsAnewWhenItWakes()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        string victim = await cluster.HeadSiloAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        cluster.Silo(victim).Signal("STOP");
        var watch = Stopwatch.StartNew();
        string[] disturbed = await streams.EndAsync();
        output.WriteLine($"{watch.Elapsed.TotalMilliseconds:N0} ms from the stop to the end of the streams");
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        Assert.Contains("answers no ping", cluster.Logs, StringComparison.Ordinal);

        // It was declared dead meanwhile: it must not go on.
        Task restart = cluster.RestartOnceItEndsAsync(victim);
        cluster.Silo(victim).Signal("CONT");
        await restart;
        await cluster.AssertNothingIsLeftAsync("A", "B", "C");
    }

    [Fact]
    public async Task Slow_StoppedForAMomentOrWithoutACoreOfItsOwn_EvictsNobody()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        string[] before = await cluster.AddressesAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        foreach (string silo in (string[])["A", "B", "C"])
        {
            await streams.ReachAsync(100);
            cluster.Silo(silo).Signal("STOP");
            await Task.Delay(500, TestContext.Current.CancellationToken);
            cluster.Silo(silo).Signal("CONT");
        }

        string[] stopped = await streams.EndAsync();
        DgptProcess[] busy = [.. Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(_ => DgptProcess.Start(new ProcessStartInfo("sh", ["-c", "while :; do :; done"])))];
        string[] crowded = await new RunningStreams(cluster.Http, requests).EndAsync();
        foreach (DgptProcess process in busy) await process.DisposeAsync();

        Assert.True(undisturbed.SequenceEqual(stopped), cluster.Logs);
        Assert.True(undisturbed.SequenceEqual(crowded), cluster.Logs);
        await cluster.AssertNothingIsLeftAsync("A", "B", "C");
        Assert.Equal(before, await cluster.AddressesAsync());
        Assert.DoesNotContain("declaring it dead", cluster.Logs, StringComparison.Ordinal);
    }
}
