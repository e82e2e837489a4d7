using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Tests;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.Cluster.Tests;

/// <summary>Several replicas of one model, beside the one with which the cluster starts.</summary>
public sealed class ReplicaTests
{
    private static readonly Golden Golden = new("llama");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Load_TwoReplicas_ShareTheRequestsAndGiveTheSameIds()
    {
        await using EmbeddedCluster cluster = await StartAsync(4, () => { });
        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 2)));
        IServedModel model = (await cluster.Client.FindModelAsync("m", Cancellation))!;

        int[][] ids = await Task.WhenAll(Golden.Cases.Concat(Golden.Cases).Select(one => GenerateAsync(model, one.Prompt, one.Greedy.Length)));

        Assert.Equal(Golden.Cases.Concat(Golden.Cases).Select(one => one.Greedy), ids);
        ModelReport report = await ReportAsync(cluster);
        Assert.Equal((ModelState.Serving, 2), (report.State, report.ReplicaCount));
        Assert.Equal([0, 1], report.Replicas.Select(replica => replica.Index));
        Assert.All(report.Replicas, replica => Assert.True(replica.Scheduler.TokensGenerated > 0));
        Assert.Equal(ids.Sum(each => each.Length), report.Replicas.Sum(replica => replica.Scheduler.TokensGenerated));
        string[] silos = [.. report.Replicas.SelectMany(replica => replica.Stages).Select(stage => stage.Silo)];
        Assert.Equal(silos.Distinct(), silos);
    }

    [Fact]
    public async Task Generate_PromptThatBeginsAsOneBefore_GoesToTheReplicaThatHasIt()
    {
        await using EmbeddedCluster cluster = await StartAsync(2, () => { });
        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 2)));
        IServedModel model = (await cluster.Client.FindModelAsync("m", Cancellation))!;
        int[] first = Prompt(1), second = Prompt(2);

        // One after the other, so that it is not the load that decides.
        foreach (int[] prompt in (int[][])[first, second, first, first, second]) await GenerateAsync(model, [.. prompt, 5, 6, 7], 2);

        ModelReport report = await ReportAsync(cluster);
        Assert.Equal([4, 6], report.Replicas.Select(replica => replica.Scheduler.TokensGenerated).Order());
        Assert.Equal([first.Length, 2 * first.Length], report.Replicas.Select(replica => replica.Scheduler.RowsSaved).Order());
    }

    [Fact]
    public async Task Load_OneReplicaFails_LeavesNothingOfAny()
    {
        int heads = 0;
        await using EmbeddedCluster cluster = await StartAsync(3, () =>
        {
            if (Interlocked.Increment(ref heads) == 3) throw new ModelFormatException("broken on the way");
        });
        long[] before = Reserved(cluster);

        string? error = await Catalog(cluster).Load(Spec(replicas: 3));

        Assert.Equal("broken on the way", error);
        Assert.Equal(before, Reserved(cluster));
        Assert.Null(await Catalog(cluster).Find("m"));
        Assert.Equal(["llama"], (await Catalog(cluster).GetStatus()).Models.Select(model => model.Name));
        for (int replica = 0; replica < 3; replica++) Assert.Null(await RecordAsync(cluster, replica));

        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 3)));
        Assert.Equal(3, (await ReportAsync(cluster)).Replicas.Length);
    }

    [Fact]
    public async Task Load_MoreReplicasThanSilos_IsRefused()
    {
        await using EmbeddedCluster cluster = await StartAsync(1, () => { });

        Assert.EndsWith("replicas: expected at most 1, one for each silo, found 2", await Catalog(cluster).Load(Spec(replicas: 2)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_ASecondTimeMeanwhile_IsTheSameLoad()
    {
        using var gate = new SemaphoreSlim(1);
        await using EmbeddedCluster cluster = await StartAsync(2, () => gate.Wait(Cancellation));
        Task<string?> first = Catalog(cluster).Load(Spec(replicas: 2)), second = Catalog(cluster).Load(Spec(replicas: 2));
        LoadProgress progress;

        // Not for bytes: parts are loaded in any order, and if the heads come first nothing is, until the gate opens.
        do progress = await Catalog(cluster).GetProgress("m");
        while (progress.Silos.Length == 0);
        string? other = await Catalog(cluster).Load(Spec(replicas: 1));
        IServedModel? early = await cluster.Client.FindModelAsync("m", Cancellation);
        gate.Release(2);

        Assert.Equal($"m: model: a model of that name is being loaded, from {Golden.Folder}", other);
        Assert.Equal(2, progress.Silos.Length);
        Assert.All(progress.Silos, silo => Assert.True(silo.TotalBytes > silo.LoadedBytes));
        Assert.Null(early);
        Assert.Null(await first);
        Assert.Null(await second);
        Assert.NotNull(await cluster.Client.FindModelAsync("m", Cancellation));
    }

    [Fact]
    public async Task Wake_LoadThatNobodyCarriesOn_LeavesNothing()
    {
        await using EmbeddedCluster cluster = await StartAsync(2, () => { });
        long[] before = Reserved(cluster);
        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 2)));

        // As if the catalog's silo had been lost in the middle of it.
        RecordStore records = cluster.Silos[0].GetRequiredService<RecordStore>();
        StoredRecord<CatalogRecord> stored = await records.ReadAsync<CatalogRecord>(CatalogRecord.Name);
        Assert.True(await records.TryWriteAsync(stored, new CatalogRecord(
            Array.ConvertAll(stored.Value!.Models, entry => entry.Name == "m" ? entry with { State = ModelState.Loading, Replicas = 8 } : entry))));
        await Catalog(cluster).Wake();

        while ((await Catalog(cluster).GetStatus()).Models.Length > 1) await Task.Delay(10, Cancellation);
        Assert.Equal(before, Reserved(cluster));
        for (int replica = 0; replica < 2; replica++) Assert.Null(await RecordAsync(cluster, replica));
    }

    [Fact]
    public async Task Unload_WhileAStreamRuns_LetsItEnd()
    {
        await using EmbeddedCluster cluster = await StartAsync(2, () => { });
        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 2)));
        IServedModel model = (await cluster.Client.FindModelAsync("m", Cancellation))!;
        (int[] prompt, int[] greedy, _) = Golden.Cases.Last();

        List<int> ids = [];
        Task<bool>? unload = null;
        await foreach (CompletionChunk chunk in model.GenerateAsync(Request(prompt, greedy.Length), [], Cancellation))
        {
            ids.AddRange(chunk.Tokens.Select(token => token.Id));
            unload ??= Catalog(cluster).Unload("m", now: false);
        }

        Assert.Equal(greedy, ids);
        Assert.True(await unload!);
        Assert.Null(await cluster.Client.FindModelAsync("m", Cancellation));
        Assert.Equal(["llama"], (await Catalog(cluster).GetStatus()).Models.Select(each => each.Name));
    }

    [Fact]
    public async Task Unload_NowAfterAll_EndsTheStreamThatTheFirstWaitsFor()
    {
        using var mayCompute = new ManualResetEventSlim(true);
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(
            new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = 2, KvTokens = 512 },
            () => new FaultyBackend(_ =>
            {
                mayCompute.Wait(Cancellation);
                return false;
            }),
            null, Cancellation);
        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 2)));
        IServedModel model = (await cluster.Client.FindModelAsync("m", Cancellation))!;
        (int[] prompt, int[] greedy, _) = Golden.Cases.Last();

        Task<bool>[] unloads = [];
        RequestRefusedException refused = await Assert.ThrowsAsync<RequestRefusedException>(async () =>
        {
            await foreach (CompletionChunk _ in model.GenerateAsync(Request(prompt, greedy.Length), [], Cancellation))
            {
                if (unloads.Length > 0) continue;
                mayCompute.Reset();
                unloads = [Catalog(cluster).Unload("m", now: false), Catalog(cluster).Unload("m", now: true)];
                while ((await Catalog(cluster).GetStatus()).Models.Single(each => each.Name == "m").Replicas.Length > 0) await Task.Delay(10, Cancellation);
                mayCompute.Set();
            }
        });

        Assert.Equal(RequestRefusedException.ModelNotFound, refused.Code);
        Assert.All(await Task.WhenAll(unloads), Assert.True);
        Assert.Equal(["llama"], (await Catalog(cluster).GetStatus()).Models.Select(each => each.Name));
    }

    [Fact]
    public async Task Generate_AReplicaIsLost_GoesOnAtTheOtherWithTheSameIds()
    {
        using ManualResetEventSlim mayCompute = new(true), mayLoad = new(true);
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(
            new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = 2, KvTokens = 512 },
            () => new FaultyBackend(
                _ =>
                {
                    mayCompute.Wait(Cancellation);
                    return false;
                },
                new LoadingBackend(() => mayLoad.Wait(Cancellation))),
            null, Cancellation);
        Assert.Null(await Catalog(cluster).Load(Spec(replicas: 2)));
        IServedModel model = (await cluster.Client.FindModelAsync("m", Cancellation))!;
        (int[] Prompt, int[] Greedy, string)[] cases = [.. Golden.Cases, .. Golden.Cases];
        mayCompute.Reset();
        Task<int[]>[] streams = [.. cases.Select(one => GenerateAsync(model, one.Prompt, one.Greedy.Length))];
        while ((await ReportAsync(cluster)).Replicas.Sum(replica => replica.Scheduler.Running + replica.Scheduler.Waiting) < cases.Length) await Task.Delay(10, Cancellation);

        // Its layers are gone, and come back only when the test wants it.
        mayLoad.Reset();
        Task released = Task.WhenAll(cluster.Silos.Select(silo => silo.GetRequiredService<SiloStore>().ReleaseAsync(new ReplicaKey("m", 0))));
        mayCompute.Set();
        await released;
        int[][] ids = await Task.WhenAll(streams);

        Assert.Equal(cases.Select(one => one.Greedy), ids);
        ReplicaReport[] replicas = (await ReportAsync(cluster)).Replicas;
        Assert.NotEqual(CoordinatorState.Running, replicas[0].State);
        Assert.Equal((CoordinatorState.Running, 1), (replicas[1].State, replicas[1].Epoch));
        Assert.True(replicas[1].Scheduler.TokensGenerated > ids.Sum(each => each.Length) / 2);
        Assert.Equal((0, 0), (replicas[1].Scheduler.Running, replicas[1].Scheduler.Waiting));
        mayLoad.Set();
        do replicas = (await ReportAsync(cluster)).Replicas;
        while (replicas[0].State != CoordinatorState.Running);
        Assert.Equal((0, 0, 0), (replicas[0].Scheduler.Running, replicas[0].Scheduler.Waiting, replicas[0].Scheduler.BlocksInUse));
        Assert.Equal(1, replicas[1].Epoch);
    }

    private static Task<EmbeddedCluster> StartAsync(int silos, Action beforeHead) => EmbeddedCluster.StartAsync(
        new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = silos, KvTokens = 512 }, () => new LoadingBackend(beforeHead), null, Cancellation);

    private static ModelSpec Spec(int replicas) => new() { Name = "m", Path = Golden.Folder, KvTokens = 512, Replicas = replicas };

    private static ICatalogControl Catalog(EmbeddedCluster cluster) => cluster.Grains.GetGrain<ICatalogControl>(0);

    /// <summary>The model with all its replicas: on a busy machine one may be late with its answer.</summary>
    private static async Task<ModelReport> ReportAsync(EmbeddedCluster cluster)
    {
        while (true)
        {
            ModelReport report = (await Catalog(cluster).GetStatus()).Models.Single(model => model.Name == "m");
            if (report.Replicas.Length == report.ReplicaCount) return report;
        }
    }

    private static long[] Reserved(EmbeddedCluster cluster) => [.. cluster.Silos.Select(silo => silo.GetRequiredService<SiloStore>().ReservedBytes)];

    private static async Task<ReplicaRecord?> RecordAsync(EmbeddedCluster cluster, int replica) =>
        (await cluster.Silos[0].GetRequiredService<RecordStore>().ReadAsync<ReplicaRecord>(new ReplicaKey("m", replica).ToString())).Value;

    /// <summary>Two full blocks.</summary>
    private static int[] Prompt(int seed) => [.. Enumerable.Range(0, 32).Select(i => (i * seed) % 50)];

    private static GenerateRequest Request(int[] prompt, int tokens) => new()
    {
        Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = tokens, Sampling = new SamplingOptions { IgnoreEos = true },
    };

    private static async Task<int[]> GenerateAsync(IServedModel model, int[] prompt, int tokens)
    {
        List<int> ids = [];
        await foreach (CompletionChunk chunk in model.GenerateAsync(Request(prompt, tokens), [], Cancellation)) ids.AddRange(chunk.Tokens.Select(token => token.Id));
        return [.. ids];
    }
}
