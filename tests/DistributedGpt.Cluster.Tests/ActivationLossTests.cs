using DistributedGpt.Client;
using DistributedGpt.Engine;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;

namespace DistributedGpt.Cluster.Tests;

/// <summary>Orleans may end any activation at any time; no client may notice.</summary>
public sealed class ActivationLossTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Generate_ActivationsEndInMidStream_GivesTheSameIds(int silos)
    {
        var golden = new Golden("llama");
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = golden.Folder, Silos = silos, Threads = 1 }, null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;
        var replica = new ReplicaKey("llama", 0);
        IAddressable[] grains =
        [
            cluster.Grains.GetGrain<ICoordinatorControl>(replica.ToString()),
            cluster.Grains.GetGrain<ILayerGrain>(new PartKey(replica, PartKind.Layer, 0).GrainKey),
            cluster.Grains.GetGrain<IHeadGrain>(new PartKey(replica, PartKind.Head).GrainKey),
        ];
        (int[] prompt, int[] greedy, _) = golden.Cases.Last();
        var request = new GenerateRequest { Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = greedy.Length, Sampling = new SamplingOptions { IgnoreEos = true } };

        List<int> ids = [];
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation))
        {
            ids.AddRange(chunk.Tokens.Select(token => token.Id));
            if (ids.Count is 5 or 15 or 25) await grains[ids.Count / 10].AsReference<IGrainManagementExtension>().DeactivateOnIdle(Cancellation);
        }

        Assert.Equal(greedy, ids);
    }

    [Fact]
    public async Task Submit_AfterTheCoordinatorEnded_StartsWithTheBlocksThatTheStagesHold()
    {
        var golden = new Golden("llama");
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = golden.Folder, Silos = 2, Threads = 1 }, null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;
        var coordinator = cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey("llama", 0).ToString());
        (int[] prompt, int[] greedy, _) = golden.Cases.Last();

        int[] first = await GenerateAsync(model, prompt, greedy.Length);
        await coordinator.AsReference<IGrainManagementExtension>().DeactivateOnIdle(Cancellation);
        int[] second = await GenerateAsync(model, prompt, greedy.Length);

        Assert.Equal(greedy, first);
        Assert.Equal(greedy, second);
        SchedulerStatus status = (await coordinator.GetReport())!.Scheduler;
        Assert.Equal((prompt.Length - 1) / StepBatch.BlockSize * StepBatch.BlockSize, status.RowsSaved);
    }

    [Fact]
    public async Task Generate_EnumerationIsLeft_FreesTheBlocks()
    {
        var golden = new Golden("llama");
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = golden.Folder, Threads = 1 }, null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;
        var coordinator = cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey("llama", 0).ToString());
        var request = new GenerateRequest { Id = Guid.NewGuid(), PromptIds = golden.Cases.First().Prompt, MaxTokens = 100, Sampling = new SamplingOptions { IgnoreEos = true } };

        await foreach (CompletionChunk _ in model.GenerateAsync(request, [], Cancellation)) break;

        // The cancellation is a call behind the ones that ask for the status: ask until it has arrived.
        SchedulerStatus status;
        do status = (await coordinator.GetReport())!.Scheduler;
        while (status.Running + status.Waiting + status.StepsInFlight > 0);
        Assert.Equal(0, status.BlocksInUse);
        Assert.InRange(status.TokensGenerated, 1, 99);
    }

    [Fact]
    public async Task Call_OfALayerThatIsNotLoaded_IsRefused()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = new Golden("llama").Folder }, null, Cancellation);
        var layer = cluster.Grains.GetGrain<ILayerGrain>(new PartKey(new ReplicaKey("other", 0), PartKind.Layer, 0).GrainKey);

        OrleansException refused = await Assert.ThrowsAnyAsync<OrleansException>(() => layer.AsReference<IGrainManagementExtension>().DeactivateOnIdle(Cancellation).AsTask());

        Assert.Contains("not loaded", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Attach_StageOfWhichAPartIsNotLoaded_NamesIt()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = new Golden("llama").Folder }, null, Cancellation);
        IServiceProvider silo = cluster.Silos[0];
        SiloAddress address = silo.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        var stage = new StageSpec(new ReplicaKey("other", 0), 0, new PlanStage(0, 3, 1, false, true), address, null, 64, 1);

        InvalidOperationException refused = await Assert.ThrowsAsync<InvalidOperationException>(() => silo.GetRequiredService<StageServices>()[address].Attach(stage, 1, Guid.Empty));

        Assert.Contains("Layer 3 of other/0 is not loaded here", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<int[]> GenerateAsync(IServedModel model, int[] prompt, int tokens)
    {
        List<int> ids = [];
        var request = new GenerateRequest { Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = tokens, Sampling = new SamplingOptions { IgnoreEos = true } };
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation)) ids.AddRange(chunk.Tokens.Select(token => token.Id));
        return [.. ids];
    }
}
