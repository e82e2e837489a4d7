using System.Text.Json;

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

        foreach (Func<JsonElement, string> role in (Func<JsonElement, string>[])[HeadSilo, EmbeddingSilo, CoordinatorSilo])
        {
            string victim = role(await cluster.ReplicaAsync());
            var streams = new RunningStreams(cluster.Http, requests);
            await streams.ReachAsync(100);
            await cluster.Silo(victim).KillAsync();
            string[] disturbed = await streams.EndAsync();

            Assert.True(undisturbed.SequenceEqual(disturbed), $"{victim} was killed\n{cluster.Logs}");
            await cluster.StartSiloAsync(victim);
            await AssertNothingIsLeftAsync(cluster, "A", "B", "C");
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
        await AssertNothingIsLeftAsync(cluster, "C");
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

    [Fact]
    public async Task Stop_ASiloThatHangs_IsReplacedAndEndsWhenItWakes()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(Tokens);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        string victim = HeadSilo(await cluster.ReplicaAsync());

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        cluster.Silo(victim).Signal("STOP");
        string[] disturbed = await streams.EndAsync();
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);

        // It was declared dead meanwhile: it must not go on.
        cluster.Silo(victim).Signal("CONT");
        (int exitCode, _) = await cluster.Silo(victim).EndAsync();
        Assert.NotEqual(0, exitCode);
        await cluster.StartSiloAsync(victim);
        await AssertNothingIsLeftAsync(cluster, "A", "B", "C");
    }

    private static string HeadSilo(JsonElement replica) => replica.GetProperty("stages").EnumerateArray().Last().GetProperty("silo").GetString()!;

    private static string EmbeddingSilo(JsonElement replica) => replica.GetProperty("stages")[0].GetProperty("silo").GetString()!;

    private static string CoordinatorSilo(JsonElement replica) => replica.GetProperty("coordinator").GetString()!;

    /// <summary>No sequence, no block and no ghost of a silo is left, and every layer is on a silo that lives.</summary>
    private static async Task AssertNothingIsLeftAsync(TestCluster cluster, params string[] living)
    {
        JsonElement status = await Waiting.UntilAsync(cluster.StatusAsync, status =>
            status.GetProperty("silos").GetArrayLength() == living.Length
            && status.GetProperty("models")[0].GetProperty("replicas") is var replicas && replicas.GetArrayLength() == 1
            && replicas[0].GetProperty("scheduler").GetProperty("blocks_in_use").GetInt32() == 0);

        Assert.Equal(living, status.GetProperty("silos").EnumerateArray().Select(silo => silo.GetProperty("name").GetString()));
        JsonElement replica = status.GetProperty("models")[0].GetProperty("replicas")[0];
        Assert.Equal("Running", replica.GetProperty("state").GetString());
        Assert.Equal(0, replica.GetProperty("scheduler").GetProperty("running").GetInt32());
        Assert.All(replica.GetProperty("stages").EnumerateArray(), stage => Assert.Contains(stage.GetProperty("silo").GetString(), living));
    }
}
