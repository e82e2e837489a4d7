using System.Text.Json;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Several replicas of one model, on silos of their own.</summary>
public sealed class ReplicaTests
{
    [Fact]
    public async Task Kill_ASiloOfOneReplica_StreamsSayTheSameAndTheOtherSeesNothing()
    {
        await using TestCluster cluster = await TestCluster.StartReplicasAsync(2, "A", "B", "C");
        StreamRequest[] requests = StreamRequest.OfEveryKind(120);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        JsonElement[] before = await cluster.ReplicasAsync();
        string victim = TestCluster.SilosOf(before[0])[0];

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(100);
        await cluster.Silo(victim).KillAsync();
        string[] disturbed = await streams.EndAsync();

        Assert.True(undisturbed.SequenceEqual(disturbed), $"{victim} was killed\n{cluster.Logs}");
        JsonElement[] after = await Waiting.UntilAsync(cluster.ReplicasAsync, replicas => replicas.Length == 2 && replicas.All(IsIdle));
        Assert.Equal(2, before.Length);
        Assert.True(Epoch(after[0]) > Epoch(before[0]), cluster.Logs);
        Assert.True(Epoch(after[1]) == Epoch(before[1]), cluster.Logs);
        Assert.Equal(TestCluster.SilosOf(before[1]), TestCluster.SilosOf(after[1]));
        Assert.DoesNotContain(victim, TestCluster.SilosOf(after[0]));
        Assert.Empty(TestCluster.SilosOf(before[0]).Intersect(TestCluster.SilosOf(before[1])));
    }

    [Fact]
    public async Task Stream_PromptsThatBeginAlike_MeetInOneCache()
    {
        await using TestCluster cluster = await TestCluster.StartReplicasAsync(2, "A", "B");
        string first = new('a', 150), second = new('b', 150);

        foreach (string prompt in (string[])[first, second, first, second, first])
            await new StreamRequest($$"""{"prompt": "{{prompt}} and then", "temperature": 0, "max_tokens": 2}""").RunAsync(cluster.Http);

        // The one was asked twice more, the other once.
        int[] saved = [.. (await cluster.ReplicasAsync()).Select(replica => replica.GetProperty("scheduler").GetProperty("rows_saved").GetInt32()).Order()];
        Assert.True(saved is [> 0, var twice] && twice > saved[0], string.Join(", ", saved));
    }

    [Fact]
    public async Task Kill_Everything_AllReplicasAreServedAgain()
    {
        await using TestCluster cluster = await TestCluster.StartReplicasAsync(2, "A", "B");
        StreamRequest request = StreamRequest.OfEveryKind(40)[1];
        string before = await request.RunAsync(cluster.Http);

        await cluster.RestartAllAsync("A", "B");

        Assert.Equal(before, await request.RunAsync(cluster.Http));
        JsonElement[] replicas = await Waiting.UntilAsync(cluster.ReplicasAsync, replicas => replicas.Length == 2 && replicas.All(IsIdle));
        Assert.Equal(["A", "B"], replicas.SelectMany(TestCluster.SilosOf).Order());
        Assert.Equal("shakespeare is unloaded\n", await DgptProcess.RunAsync("model", "unload", TestCluster.Model, "--cluster", cluster.Address));
        JsonElement status = await cluster.StatusAsync();
        Assert.Empty(status.GetProperty("models").EnumerateArray());
        Assert.All(status.GetProperty("silos").EnumerateArray(), silo => Assert.Equal(0, silo.GetProperty("reserved_bytes").GetInt64()));
    }

    private static long Epoch(JsonElement replica) => replica.GetProperty("epoch").GetInt64();

    private static bool IsIdle(JsonElement replica) =>
        replica.GetProperty("state").GetString() == "Running" && replica.GetProperty("scheduler").GetProperty("blocks_in_use").GetInt32() == 0;
}
