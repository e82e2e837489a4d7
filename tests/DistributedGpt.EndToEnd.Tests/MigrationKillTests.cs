using System.Text.Json;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>
/// A silo that layers leave, or to which they come, may be killed in any phase of the migration: one of the two plans holds, and the
/// text is the same. The moments are those at which the coordinator's log tells that a phase has ended.
/// </summary>
public sealed class MigrationKillTests
{
    private static readonly string[] s_names = ["A", "B", "C"];

    [Theory]
    [InlineData("copying begins")]
    [InlineData("copy took")]
    [InlineData("drain took")]
    [InlineData("finish took")]
    [InlineData("record took")]
    [InlineData("attach took")]
    public async Task Kill_SourceAndTarget_StreamsSayWhatTheyWouldHaveSaid(string phase)
    {
        await using TestCluster cluster = await TestCluster.StartTalkativeAsync("A", "B");
        StreamLoad load = await StreamLoad.StartAsync(cluster.Http, StreamRequest.OfEveryKind(80));
        List<Task> commands = [];
        foreach (bool source in (bool[])[true, false])
        {
            await StartEmptyAsync(cluster, "C");
            JsonElement replica = await cluster.ReplicaAsync();
            string victim = source ? SiloWithMost(replica) : "C";
            long epoch = replica.GetProperty("epoch").GetInt64();

            Task<(int ExitCode, string Output, string Error)> end = RebalanceAsync(cluster);
            commands.Add(end);
            Task<Task<string>> reached = Task.WhenAny(s_names.Select(name => cluster.Silo(name).LineAsync(line => line.Contains($"migration from epoch {epoch}: {phase}", StringComparison.Ordinal))));
            if (await Task.WhenAny(reached, end) == end) Assert.Fail($"rebalance ended before '{phase}': {await end}\n{await cluster.ReplicaAsync()}");
            await await reached;
            await cluster.Silo(victim).KillAsync();
            await load.AllAdvanceAsync();
            await cluster.StartSiloAsync(victim);
            await cluster.AwaitWholeAsync(s_names.Length);
        }

        // With an error or without, since whoever worked on it may be lost; but they end.
        await Task.WhenAll(commands);
        await load.StopAsync();
        await cluster.AssertNothingIsLeftAsync(s_names);
        await Waiting.UntilAsync(cluster.StatusAsync, HoldsNothingBesideThePlan);
        Assert.True(load.Mismatches.Count == 0, $"{string.Join('\n', load.Mismatches.Take(1))}\n{cluster.Logs}");
    }

    /// <summary>Starts a silo, or moves everything off it and starts it again.</summary>
    private static async Task StartEmptyAsync(TestCluster cluster, string name)
    {
        if (cluster.Has(name))
        {
            cluster.Silo(name).Signal("TERM");
            await cluster.Silo(name).EndAsync();
        }

        await cluster.StartSiloAsync(name);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RebalanceAsync(TestCluster cluster)
    {
        await using DgptProcess rebalance = DgptProcess.Start("rebalance", "--cluster", cluster.Address);
        (int exitCode, string output) = await rebalance.EndAsync();
        return (exitCode, output, rebalance.Error);
    }

    private static bool HoldsNothingBesideThePlan(JsonElement status)
    {
        string?[] planned = [.. status.GetProperty("models")[0].GetProperty("replicas")[0].GetProperty("stages").EnumerateArray().Select(stage => stage.GetProperty("silo").GetString())];
        return status.GetProperty("silos").EnumerateArray().All(silo =>
            (silo.GetProperty("reserved_bytes").GetInt64() > 0) == planned.Contains(silo.GetProperty("name").GetString()));
    }

    private static string SiloWithMost(JsonElement replica) => replica.GetProperty("stages").EnumerateArray()
        .GroupBy(stage => stage.GetProperty("silo").GetString()!)
        .MaxBy(silo => silo.Sum(stage => stage.GetProperty("layer_count").GetInt32()))!.Key;
}
