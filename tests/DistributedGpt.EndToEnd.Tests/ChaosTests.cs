using System.Globalization;
using System.Text.Json;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>
/// Kills of silos at random moments under load, one after the other. <c>tests/chaos --kills N --seed S</c> is the long form.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static readonly string[] s_names = ["A", "B", "C"];

    [Fact]
    public async Task Kills_AtRandomMoments_ChangeNoText()
    {
        int kills = Number("DGPT_CHAOS_KILLS") ?? 3;
        var random = new Random(Number("DGPT_CHAOS_SEED") ?? 1);
        await using TestCluster cluster = await TestCluster.StartAsync(s_names);
        StreamLoad load = await StreamLoad.StartAsync(cluster.Http, StreamRequest.OfEveryKind(100));
        var pauses = new TimeSpan[kills];
        for (int kill = 0; kill < kills; kill++)
        {
            await load.AdvanceAsync(random.Next(1, 200));
            string victim = s_names[random.Next(s_names.Length)];
            await cluster.Silo(victim).KillAsync();
            pauses[kill] = await load.AllAdvanceAsync();
            await cluster.StartSiloAsync(victim);
            await Waiting.UntilAsync(cluster.StatusAsync, IsWhole);
        }

        await load.StopAsync();
        Array.Sort(pauses);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{kills} kills, {load.Streams} streams, {load.Mismatches.Count} mismatches, pause p50 {At(0.5):N0} ms, p99 {At(0.99):N0} ms, most {At(1):N0} ms"));
        Assert.True(load.Mismatches.Count == 0, $"{string.Join('\n', load.Mismatches.Take(1))}\n{cluster.Logs}");

        double At(double share) => pauses[(int)Math.Ceiling(share * kills) - 1].TotalMilliseconds;
    }

    private static bool IsWhole(JsonElement status) =>
        status.GetProperty("silos").EnumerateArray().Count(silo => silo.GetProperty("state").GetString() == "Active") == s_names.Length
        && status.GetProperty("models")[0].GetProperty("replicas") is var replicas && replicas.GetArrayLength() == 1
        && replicas[0].GetProperty("state").GetString() == "Running";

    private static int? Number(string variable) => int.TryParse(Environment.GetEnvironmentVariable(variable), out int number) ? number : null;
}
