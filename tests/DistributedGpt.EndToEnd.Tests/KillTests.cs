namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Any process may be killed in the middle of a word, and the text that follows is the same.</summary>
public sealed class KillTests
{
    private const int Tokens = 120;

    [Fact]
    public async Task Kill_EachRoleInTurn_StreamsSayWhatTheyWouldHaveSaid()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        foreach (Func<Task<string>> role in (Func<Task<string>>[])[cluster.HeadSiloAsync, cluster.EmbeddingSiloAsync, cluster.CoordinatorSiloAsync])
        {
            string victim = await role();
            var streams = new RunningStreams(cluster.Http, requests);
            await streams.ReachAsync(100);
            await cluster.Silo(victim).KillAsync();
            string[] disturbed = await streams.EndAsync();

            Assert.True(undisturbed.SequenceEqual(disturbed), $"{victim} was killed\n{cluster.Logs}");
            await cluster.StartSiloAsync(victim);
            await cluster.AssertNothingIsLeftAsync("A", "B", "C");
        }
    }

    [Fact]
    public async Task Kill_TwoSilosAtOnce_StreamsSayWhatTheyWouldHaveSaid()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        await Task.WhenAll(cluster.Silo("A").KillAsync(), cluster.Silo("B").KillAsync());
        string[] disturbed = await streams.EndAsync();

        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        await cluster.AssertNothingIsLeftAsync("C");
    }

    [Fact]
    public async Task Kill_RedisAndASiloMeanwhile_StreamsGoOnWhenItIsBack()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        await cluster.Redis.KillAsync();
        string[] withoutRedis = await new RunningStreams(cluster.Http, requests).EndAsync();
        Assert.True(undisturbed.SequenceEqual(withoutRedis), cluster.Logs);

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(50);
        await cluster.Silo("B").KillAsync();
        cluster.Redis.Restart();
        string[] disturbed = await streams.EndAsync();
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
    }

    [Fact]
    public async Task Kill_Everything_ModelIsServedAgainAfterARestart()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest request = StreamRequest.OfEveryKind(40)[1];
        string before = await request.RunAsync(cluster.Http);

        await Task.WhenAll(cluster.Silo("A").KillAsync(), cluster.Silo("B").KillAsync(), cluster.Redis.KillAsync());
        cluster.Redis.Restart();
        await Task.WhenAll(cluster.StartSiloAsync("A"), cluster.StartSiloAsync("B"));

        Assert.Equal(before, await request.RunAsync(cluster.Http));
        string[] silos = [.. (await cluster.ReplicaAsync()).GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("silo").GetString()!)];
        Assert.Equal(["A", "B"], silos.Order());
    }
}
