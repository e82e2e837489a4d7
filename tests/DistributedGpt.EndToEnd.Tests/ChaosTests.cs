using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Xunit.Sdk;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>
/// Kills and migrations at random moments under load, one after the other. <c>tests/chaos --kills N --migrations N --seed S</c> is the
/// long form.
/// </summary>
public sealed partial class ChaosTests(ITestOutputHelper output)
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
            await cluster.AwaitWholeAsync(s_names.Length);
        }

        await load.StopAsync();
        Array.Sort(pauses);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{kills} kills, {load.Streams} streams, {load.Mismatches.Count} mismatches, pause p50 {At(0.5):N0} ms, p99 {At(0.99):N0} ms, most {At(1):N0} ms"));
        Assert.True(load.Mismatches.Count == 0, $"{string.Join('\n', load.Mismatches.Take(1))}\n{cluster.Logs}");

        double At(double share) => pauses[(int)Math.Ceiling(share * kills) - 1].TotalMilliseconds;
    }

    /// <summary>A silo is drained, stopped, started again and used again, in turn. Pauses are the longest gaps that the streams saw meanwhile.</summary>
    [Fact]
    public async Task Migrations_UnderLoad_ChangeNoText()
    {
        int migrations = Number("DGPT_CHAOS_MIGRATIONS") ?? 3;
        var random = new Random(Number("DGPT_CHAOS_SEED") ?? 1);
        await using TestCluster cluster = await TestCluster.StartAsync(s_names);
        StreamLoad load = await StreamLoad.StartAsync(cluster.Http, StreamRequest.OfEveryKind(100));
        await load.AdvanceAsync(500);
        double[] usual = Milliseconds(load.TakeLongestGaps());
        List<double> gaps = [];
        var ended = new StringBuilder();
        string? drained = null;
        for (int migration = 0; migration < migrations; migration++)
        {
            if (drained is null)
            {
                await load.AdvanceAsync(random.Next(1, 200));
                drained = s_names[random.Next(s_names.Length)];
                await MeasureAsync("silo", "drain", drained);
            }
            else
            {
                cluster.Silo(drained).Signal("TERM");
                await cluster.Silo(drained).EndAsync();
                ended.Append(cluster.Silo(drained).Error);
                await cluster.StartSiloAsync(drained);
                drained = null;
                await MeasureAsync("rebalance");
            }
        }

        await load.StopAsync();
        gaps.Sort();
        string logs = ended + cluster.Logs;
        double[] pauses = [.. Pause().Matches(logs).Select(match => double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).Order()];
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{migrations} migrations, {load.Streams} streams, {load.Mismatches.Count} mismatches; longest gap of a stream: usually {usual[usual.Length / 2]:N0} ms, " +
            $"with a migration p50 {gaps[gaps.Count / 2]:N0} ms, most {gaps[^1]:N0} ms; pause by the coordinators' logs: {string.Join(", ", pauses)} ms"));
        foreach (Match parts in Pause().Matches(logs)) output.WriteLine(parts.Value);
        Assert.True(load.Mismatches.Count == 0, $"{string.Join('\n', load.Mismatches.Take(1))}\n{logs}");

        async Task MeasureAsync(params string[] command)
        {
            load.TakeLongestGaps();
            await using DgptProcess process = DgptProcess.Start([.. command, "--cluster", cluster.Address]);
            Task<(int ExitCode, string Output)> end = process.EndAsync();
            try
            {
                Assert.Equal(0, (await end).ExitCode);
            }
            catch (Exception e) when (e is TimeoutException or EqualException)
            {
                Assert.Fail($"{string.Join(' ', command)}: {process.Error}\n{cluster.Logs}");
            }

            await load.AllAdvanceAsync();
            gaps.AddRange(Milliseconds(load.TakeLongestGaps()));
        }
    }

    private static double[] Milliseconds(TimeSpan[] gaps) => [.. gaps.Select(gap => gap.TotalMilliseconds).Order()];

    [GeneratedRegex(@"migrated with a pause of (\d+) ms.*")]
    private static partial Regex Pause();

    private static int? Number(string variable) => int.TryParse(Environment.GetEnvironmentVariable(variable), out int number) ? number : null;
}
