using System.Collections.Concurrent;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.Cluster.Tests;

/// <summary>A stage that has lost its cache fills it from the border log of the one before, and the others compute nothing.</summary>
public sealed class RebuildTests
{
    private static readonly Golden Golden = new("llama");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(new[] { 0 }, new[] { 0 })]
    [InlineData(new[] { 1 }, new[] { 1 })]
    [InlineData(new[] { 2 }, new[] { 2 })]
    [InlineData(new[] { 1, 2 }, new[] { 1, 2 })]
    [InlineData(new[] { 0, 2 }, new[] { 0, 2 })]
    public async Task Generate_StagesAreLost_OnlyTheyComputeAgain(int[] lost, int[] computing)
    {
        var rebuilt = new ConcurrentDictionary<int, int>();
        await using EmbeddedCluster cluster = await StartAsync(rebuilt);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;

        await GenerateAsync(cluster, model, () => LoseAsync(cluster, lost));

        // Of three layers each stage has one.
        Assert.Equal(computing, rebuilt.Keys.Order());
        Assert.Single(rebuilt.Values.Distinct());
        Assert.InRange(rebuilt.Values.First(), Golden.Cases.Last().Prompt.Length, int.MaxValue);
    }

    [Fact]
    public async Task Generate_TheNextStageIsLostLater_TakesWhatTheRebuiltOneLogged()
    {
        var rebuilt = new ConcurrentDictionary<int, int>();
        await using EmbeddedCluster cluster = await StartAsync(rebuilt);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;

        await GenerateAsync(cluster, model, () => LoseAsync(cluster, 1), () => LoseAsync(cluster, 2));

        Assert.Equal([1, 2], rebuilt.Keys.Order());
        Assert.True(rebuilt[2] > rebuilt[1]);
    }

    [Fact]
    public async Task Generate_AStageIsLostAfterAMigration_GoesBackOneBorderMoreForWhatWasCachedBefore()
    {
        var rebuilt = new ConcurrentDictionary<int, int>();
        await using EmbeddedCluster cluster = await StartAsync(rebuilt);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;
        await GenerateAsync(cluster, model);
        Assert.Null(await Coordinator(cluster).Drain((await SilosAsync(cluster))[1].GetRequiredService<ILocalSiloDetails>().SiloAddress));

        await GenerateAsync(cluster, model, () => LoseAsync(cluster, 2));

        Assert.True((await Coordinator(cluster).GetReport())!.Scheduler.RowsSaved > 0);
        Assert.Equal([1, 2], rebuilt.Keys.Order());
    }

    [Fact]
    public async Task ReservedBytes_OfAReplica_HoldTheBorderLogs()
    {
        await using EmbeddedCluster cluster = await StartAsync([]);
        IServiceProvider[] stages = await SilosAsync(cluster);
        int blocks = (await Coordinator(cluster).GetReport())!.Scheduler.Blocks;

        long[] reserved = [.. stages.Select(silo => silo.GetRequiredService<SiloStore>().ReservedBytes)];
        var key = new ReplicaKey("llama", 0);
        long[] parts = [.. stages.Select((silo, stage) => PartKey.OfStage(key, new PlanStage(0, stage, 1, stage == 0, stage == 2))
            .Sum(part => silo.GetRequiredService<SiloStore>().Replica(key).Find(part)!.Bytes))];

        const int Hidden = 64;
        long log = (long)blocks * StepBatch.BlockSize * Hidden * sizeof(float);
        Assert.Equal([log, log, 0], reserved.Zip(parts, (all, without) => all - without));
    }

    private static Task<EmbeddedCluster> StartAsync(ConcurrentDictionary<int, int> rebuilt) => EmbeddedCluster.StartAsync(
        new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = 3 }, () => new CountingBackend(rebuilt), null, Cancellation);

    /// <summary>Reads all golden texts at once; after every eighth token of the last one something happens, in turn.</summary>
    private static async Task GenerateAsync(EmbeddedCluster cluster, IServedModel model, params Func<Task>[] events)
    {
        (int[] Prompt, int[] Greedy, string)[] cases = [.. Golden.Cases];
        Task<int[]>[] others = [.. cases[..^1].Select(one => ReadAsync(one.Prompt, one.Greedy.Length, []))];
        int[] last = await ReadAsync(cases[^1].Prompt, cases[^1].Greedy.Length, events);

        Assert.Equal(cases.Select(one => one.Greedy), [.. await Task.WhenAll(others), last]);
        SchedulerStatus status = (await Coordinator(cluster).GetReport())!.Scheduler;
        Assert.Equal((0, 0, 0), (status.Waiting, status.Running, status.BlocksInUse));

        async Task<int[]> ReadAsync(int[] prompt, int tokens, Func<Task>[] events)
        {
            List<int> ids = [];
            int happened = 0;
            var request = new GenerateRequest { Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = tokens, Sampling = new SamplingOptions { IgnoreEos = true } };
            await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation))
            {
                ids.AddRange(chunk.Tokens.Select(token => token.Id));
                if (happened < events.Length && ids.Count >= 8 * (happened + 1)) await events[happened++]();
            }

            Assert.Equal(events.Length, happened);
            return [.. ids];
        }
    }

    private static async Task LoseAsync(EmbeddedCluster cluster, params int[] stages)
    {
        IServiceProvider[] silos = await SilosAsync(cluster);
        await Task.WhenAll(stages.Select(stage => silos[stage].GetRequiredService<SiloStore>().ReleaseAsync(new ReplicaKey("llama", 0))));
    }

    /// <summary>The silos of the stages, in their order.</summary>
    private static async Task<IServiceProvider[]> SilosAsync(EmbeddedCluster cluster)
    {
        ReplicaReport report = (await Coordinator(cluster).GetReport())!;
        return [.. report.Stages.Select(stage => cluster.Silos.Single(silo => silo.GetRequiredService<ILocalSiloDetails>().Name == stage.Silo))];
    }

    private static ICoordinatorControl Coordinator(EmbeddedCluster cluster) => cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey("llama", 0).ToString());
}
