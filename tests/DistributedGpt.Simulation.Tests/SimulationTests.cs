using System.Collections.Concurrent;

namespace DistributedGpt.Simulation.Tests;

/// <summary>
/// Thousands of small clusters under faults. A failing seed is printed; <c>DGPT_SIM_SEED=n</c> runs that one alone.
/// <c>DGPT_SIM_SEEDS=n</c> changes how many run.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int Seeds = 10_000;

    [Fact]
    public void Clusters_UnderFaults_GiveEveryClientTheRightText()
    {
        if (Number("DGPT_SIM_SEED") is { } seed)
        {
            var counts = new SimulationCounts();
            if (Failure(seed, Mutation.None, counts) is { } failure) Assert.Fail($"seed {seed}: {failure}");
            output.WriteLine(counts.ToString());
            return;
        }

        var all = new SimulationCounts();
        var failures = new ConcurrentDictionary<int, string>();
        Parallel.For(0, Number("DGPT_SIM_SEEDS") ?? Seeds, () => new SimulationCounts(), (each, state, counts) =>
        {
            if (Failure(each, Mutation.None, counts) is { } failure) failures.TryAdd(each, failure);
            if (failures.Count >= 5) state.Stop();
            return counts;
        },
        counts =>
        {
            lock (all) all.Add(counts);
        });
        output.WriteLine(all.ToString());
        Assert.True(failures.IsEmpty, string.Join("\n", failures.OrderBy(each => each.Key).Select(each => $"seed {each.Key}: {each.Value}")));
        if (Number("DGPT_SIM_SEEDS") is null) Assert.Empty(all.Missing);
    }

    [Theory]
    [InlineData(Mutation.NoEpochCheck)]
    [InlineData(Mutation.LateCompleted)]
    [InlineData(Mutation.KeepHash)]
    [InlineData(Mutation.NoOrder)]
    [InlineData(Mutation.NoBarrier)]
    [InlineData(Mutation.NoHistoryRebuild)]
    [InlineData(Mutation.OldSubmissions)]
    [InlineData(Mutation.Gaps)]
    [InlineData(Mutation.SameIncarnation)]
    [InlineData(Mutation.IgnoreFailure)]
    [InlineData(Mutation.NoAcknowledgement)]
    [InlineData(Mutation.SameSession)]
    [InlineData(Mutation.AdoptFromOneStage)]
    [InlineData(Mutation.BlameLostCalls)]
    [InlineData(Mutation.TailOnly)]
    [InlineData(Mutation.EarlyCopy)]
    [InlineData(Mutation.UnfinishedCopy)]
    [InlineData(Mutation.NoChecksum)]
    [InlineData(Mutation.NoDrain)]
    [InlineData(Mutation.KnownEarly)]
    [InlineData(Mutation.RowsLate)]
    [InlineData(Mutation.NoLogRefill)]
    [InlineData(Mutation.WholeLog)]
    [InlineData(Mutation.KeepUnused)]
    [InlineData(Mutation.NoRebuildWait)]
    public void Clusters_WithARuleBroken_Fail(Mutation mutation)
    {
        const int most = 20_000;
        int first = int.MaxValue;
        string? failure = null;
        Parallel.For(0, most, (seed, state) =>
        {
            if (Failure(seed, mutation, new SimulationCounts()) is not { } found) return;
            state.Break();
            lock (state)
            {
                if (seed < first) (first, failure) = (seed, found);
            }
        });
        output.WriteLine($"seed {first}: {failure}");
        Assert.True(first < most, $"no seed below {most} fails without the rule");
    }

    private static string? Failure(int seed, Mutation mutation, SimulationCounts counts)
    {
        var simulation = new Simulation(new SimulationCase(seed, mutation));
        try
        {
            simulation.Run();
            counts.Add(simulation.Counts);
            return null;
        }
        catch (Exception failure)
        {
            return failure is SimulationFailure || mutation != Mutation.None ? failure.Message : failure.ToString();
        }
    }

    private static int? Number(string variable) => int.TryParse(Environment.GetEnvironmentVariable(variable), out int number) ? number : null;
}
