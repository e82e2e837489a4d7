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
    [InlineData("load took")]
    public async Task Kill_SourceAndTarget_StreamsSayWhatTheyWouldHaveSaid(string phase)
    {
        await using TestCluster cluster = await TestCluster.StartAsync("A", "B");
        cluster.LogLevel = "information";
        foreach (string name in s_names) await RestartAsync(cluster, name);
        StreamLoad load = await StreamLoad.StartAsync(cluster.Http, StreamRequest.OfEveryKind(80));
        foreach (bool source in (bool[])[true, false])
        {
            await EmptyAsync(cluster, "C");
            JsonElement replica = await cluster.ReplicaAsync();
            string victim = source ? SiloWithMost(replica) : "C";
            long epoch = replica.GetProperty("epoch").GetInt64();

            await using DgptProcess rebalance = DgptProcess.Start("rebalance", "--cluster", cluster.Address);
            await await Task.WhenAny(s_names.Select(name => cluster.Silo(name).LineAsync(line => line.Contains($"migration from epoch {epoch}: {phase}", StringComparison.Ordinal))));
            await cluster.Silo(victim).KillAsync();
            await load.AllAdvanceAsync();
            await cluster.StartSiloAsync(victim);

            // The command itself may wait for an answer that went with the silo; it is ended.
            await Waiting.UntilAsync(cluster.StatusAsync, IsWhole);
        }

        await load.StopAsync();
        await cluster.AssertNothingIsLeftAsync(s_names);
        await Waiting.UntilAsync(cluster.StatusAsync, HoldsNothingBesideThePlan);
        Assert.True(load.Mismatches.Count == 0, $"{string.Join('\n', load.Mismatches.Take(1))}\n{cluster.Logs}");
    }

    /// <summary>Moves everything off a silo and starts it again.</summary>
    private static async Task EmptyAsync(TestCluster cluster, string name)
    {
        await DgptProcess.RunAsync("silo", "drain", name, "--cluster", cluster.Address);
        await RestartAsync(cluster, name);
    }

    private static async Task RestartAsync(TestCluster cluster, string name)
    {
        if (cluster.Has(name))
        {
            cluster.Silo(name).Signal("TERM");
            await cluster.Silo(name).EndAsync();
        }

        await cluster.StartSiloAsync(name);
    }

    private static bool IsWhole(JsonElement status) =>
        status.GetProperty("silos").GetArrayLength() == s_names.Length
        && status.GetProperty("models")[0].GetProperty("replicas") is var replicas && replicas.GetArrayLength() == 1
        && replicas[0].GetProperty("state").GetString() == "Running";

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
