using System.Diagnostics;
using DistributedGpt.Client;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Any process may be killed in the middle of a word, and the text that follows is the same.</summary>
public sealed class KillTests
{
    private const int Tokens = 120;

    /// <summary>Longer than the members' rows in Redis count as fresh.</summary>
    private static readonly TimeSpan s_redisAway = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Kill_EachRoleInTurn_StreamsSayWhatTheyWouldHaveSaid()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        foreach (Func<Task<string>> role in (Func<Task<string>>[])[cluster.HeadSiloAsync, cluster.EmbeddingSiloAsync, cluster.CoordinatorSiloAsync, cluster.GatewaysSiloAsync])
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
    public async Task Kill_ALaterStage_OnlyItComputesAgainAndStreamsSayWhatTheyWouldHaveSaid()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        string coordinator = await cluster.CoordinatorSiloAsync();
        string[] stages = TestCluster.SilosOf(await cluster.ReplicaAsync());
        int victim = Array.FindLastIndex(stages, silo => silo != coordinator);
        Assert.InRange(victim, 1, 2);

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        await cluster.Silo(stages[victim]).KillAsync();
        string[] disturbed = await streams.EndAsync();

        Assert.True(undisturbed.SequenceEqual(disturbed), $"{stages[victim]} was killed\n{cluster.Logs}");
        Assert.Matches($@"serves again.*rebuild \d+ ms \(stages {victim}, [1-9]\d* rows\)", cluster.Logs);
        await cluster.AssertNothingIsLeftAsync([.. stages.Except([stages[victim]])]);
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
    public async Task Kill_TheCoordinatorAndTheNextOne_StreamsSayWhatTheyWouldHaveSaid()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        await using ClusterConnection connection = await ClusterConnection.OpenAsync(ClusterAddress.Parse(cluster.Address), cancellationToken: TestContext.Current.CancellationToken);
        string first = (await FindCoordinatorAsync())!;

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        await cluster.Silo(first).KillAsync();
        string second = (await Waiting.UntilAsync(FindCoordinatorAsync, silo => silo is not null && silo != first))!;
        await cluster.Silo(second).KillAsync();
        string[] disturbed = await streams.EndAsync();

        Assert.True(undisturbed.SequenceEqual(disturbed), $"{first} and {second} were killed\n{cluster.Logs}");
        await cluster.AssertNothingIsLeftAsync([.. ((string[])["A", "B", "C"]).Except([first, second])]);

        async Task<string?> FindCoordinatorAsync()
        {
            try
            {
                return (await connection.Administration.GetStatusAsync(TestContext.Current.CancellationToken)).Models.SingleOrDefault()?.Replicas.SingleOrDefault()?.Coordinator;
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task Kill_RedisAndASiloMeanwhile_StreamsGoOnWhenItIsBack()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();

        await cluster.Redis.KillAsync();
        var away = Stopwatch.StartNew();
        string[] withoutRedis = await new RunningStreams(cluster.Http, requests).EndAsync();
        Assert.True(undisturbed.SequenceEqual(withoutRedis), cluster.Logs);

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(50);
        await cluster.Silo("B").KillAsync();
        if (s_redisAway - away.Elapsed is { Ticks: > 0 } rest) await Task.Delay(rest, TestContext.Current.CancellationToken);
        cluster.Redis.Restart();
        string[] disturbed = await streams.EndAsync();
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        await cluster.AssertNothingIsLeftAsync("A");
    }

    [Fact]
    public async Task Kill_Everything_ModelIsServedAgainAfterARestart()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        StreamRequest request = StreamRequest.OfEveryKind(40)[1];
        string before = await request.RunAsync(cluster.Http);

        await cluster.RestartAllAsync("A", "B");

        Assert.Equal(before, await request.RunAsync(cluster.Http));
        Assert.Equal(["A", "B"], TestCluster.SilosOf(await cluster.ReplicaAsync()).Order());
    }
}
