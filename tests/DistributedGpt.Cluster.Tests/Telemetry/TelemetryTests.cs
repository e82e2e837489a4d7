using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;

namespace DistributedGpt.Cluster.Tests;

public sealed class TelemetryTests
{
    private const string Model = "heard";
    private const int Tokens = 10;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Metrics_OfARequest_AddUp()
    {
        using var listening = new Listening(Model);
        await using EmbeddedCluster cluster = await StartAsync();
        int prompt = await GenerateAsync(cluster);

        // The last step's acknowledgement comes after its tokens.
        await WaitAsync(() => listening.Values("dgpt.step.rows").Sum() == prompt + Tokens - 1);
        listening.Collect();

        double[] rows = listening.Values("dgpt.step.rows", "replica=0");
        Assert.Equal(Tokens, rows.Length);
        Assert.Equal(Tokens, listening.Values("dgpt.step.duration").Count(seconds => seconds > 0));
        Assert.All(listening.Values("dgpt.step.sequences"), sequences => Assert.Equal(1, sequences));
        foreach (string stage in (string[])["stage=0", "stage=1"])
        {
            Assert.Equal(Tokens, listening.Values("dgpt.stage.duration", stage).Count(seconds => seconds > 0));
            Assert.Equal(Tokens, listening.Values("dgpt.stage.wait", stage).Count(seconds => seconds >= 0));
        }

        const int Hidden = 64;
        Assert.Equal(rows.Sum() * Hidden * sizeof(float), listening.Values("dgpt.border", "stage=0").Sum());
        Assert.Empty(listening.Values("dgpt.border", "stage=1"));
        Assert.Equal([Tokens], listening.Values("dgpt.tokens"));
        Assert.Equal([0], listening.Values("dgpt.sequences", "state=running"));
        Assert.Equal([0], listening.Values("dgpt.kv.blocks", "state=in_use"));
        SchedulerStatus status = (await Coordinator(cluster).GetReport())!.Scheduler;
        Assert.Equal(status.Blocks, listening.Values("dgpt.kv.blocks").Sum());

        // Silos of other tests are heard too.
        foreach (IServiceProvider silo in cluster.Silos)
            Assert.True(Assert.Single(listening.Values("dgpt.silo.memory.reserved", $"silo={silo.GetRequiredService<ILocalSiloDetails>().Name}")) > 0);
        Assert.Empty(listening.Values("dgpt.recovery.duration"));
    }

    [Fact]
    public async Task Trace_OfAStep_ShowsItsStages()
    {
        using var listening = new Listening(Model);
        await using EmbeddedCluster cluster = await StartAsync();
        await GenerateAsync(cluster);
        await WaitAsync(() => Steps().Length == Tokens);

        foreach (Activity step in Steps())
        {
            Assert.Null(step.Parent);
            Activity[] stages = [.. listening.Activities.Where(each => each.OperationName == "stage" && each.TraceId == step.TraceId)];
            Assert.Equal([0, 1], stages.Select(stage => stage.GetTagItem("dgpt.stage")));
            Assert.All(stages, stage => Assert.Equal(step.SpanId, stage.ParentSpanId));
        }

        Activity[] Steps() => [.. listening.Activities.Where(each => each.OperationName == "step" && Model.Equals(each.GetTagItem("dgpt.model")))];
    }

    [Fact]
    public async Task Recovery_OfALostCoordinator_IsMeasuredInParts()
    {
        using var listening = new Listening(Model);
        await using EmbeddedCluster cluster = await StartAsync();
        ICoordinatorControl coordinator = Coordinator(cluster);
        await coordinator.AsReference<IGrainManagementExtension>().DeactivateOnIdle(Cancellation);
        await GenerateAsync(cluster);

        double[] parts = [.. ((string[])["record", "load", "attach", "rebuild"]).Select(part => Assert.Single(listening.Values("dgpt.recovery.duration", $"part={part}")))];
        Assert.All(parts, seconds => Assert.True(seconds > 0));
        Assert.Equal(parts.Sum(), Assert.Single(listening.Values("dgpt.recovery.duration", "part=total")), tolerance: 1e-6);

        // What the lost coordinator held is no longer told beside what its successor holds.
        listening.Collect();
        Assert.Single(listening.Values("dgpt.tokens"));
    }

    [Fact]
    public void HotPath_NobodyListens_AllocatesNothing()
    {
        var replica = new ReplicaKey(Model, 0);
        var stage = new StageSpec(replica, 0, new PlanStage(0, 0, 1, Embedding: true, Head: true), SiloAddress.Zero, Next: null, HiddenSize: 64, KvBlocks: 1);
        var step = new StepBatch { Epoch = 1, Number = 0, Sequences = [] };
        var message = new StepMessage(step, 0, null, StepActivity.TraceParent(null));
        var stageMetrics = new StageMetrics(stage);
        var stepMetrics = new StepMetrics(replica);
        using var replicaMetrics = new ReplicaMetrics(replica);
        var scheduler = new Scheduler(new SchedulerOptions { ContextLength = 16, VocabularySize = 2, MaxInFlight = 1, TokenBudget = 16 }, new BlockPool(1), new BlockHasher(""));
        Measure();

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) Measure();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Measure()
        {
            using Activity? stepActivity = StepActivity.Start(replica, step);
            using Activity? stageActivity = StepActivity.Start(stage, message, TimeSpan.Zero);
            long now = Stopwatch.GetTimestamp();
            stageMetrics.Computed(now, now, default);
            stepMetrics.Passed(step, TimeSpan.Zero);
            replicaMetrics.Observe(scheduler);
        }
    }

    private static Task<EmbeddedCluster> StartAsync() => EmbeddedCluster.StartAsync(
        new EmbeddedClusterOptions { ModelPath = new Golden("llama").Folder, ModelName = Model, Silos = 2, Threads = 1 }, null, Cancellation);

    private static ICoordinatorControl Coordinator(EmbeddedCluster cluster) =>
        cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey(Model, 0).ToString());

    /// <summary>Generates <see cref="Tokens"/> and gives the length of the prompt.</summary>
    private static async Task<int> GenerateAsync(EmbeddedCluster cluster)
    {
        IServedModel model = (await cluster.Client.FindModelAsync(Model, Cancellation))!;
        int[] prompt = new Golden("llama").Cases.First().Prompt;
        var request = new GenerateRequest { Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = Tokens, Sampling = new SamplingOptions { IgnoreEos = true } };
        await foreach (CompletionChunk _ in model.GenerateAsync(request, [], Cancellation))
        {
        }

        return prompt.Length;
    }

    private static async Task WaitAsync(Func<bool> wanted)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!wanted()) await Task.Delay(10, patience.Token);
    }
}
