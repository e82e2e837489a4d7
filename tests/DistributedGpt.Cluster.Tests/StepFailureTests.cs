using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Tests;

namespace DistributedGpt.Cluster.Tests;

/// <summary>A step that throws in a layer: whoever cannot be computed gets an error, and nobody else notices.</summary>
public sealed class StepFailureTests
{
    private static readonly Golden Golden = new("llama");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Generate_OneOfManyAlwaysThrows_FailsAlone(int silos)
    {
        Guid poisonous = Guid.NewGuid();
        int[] prompt = Golden.Cases.First().Prompt;
        await using EmbeddedCluster cluster = await StartAsync(silos, step => Array.Exists(step.Sequences, rows => rows.Id.Request == poisonous && rows.Length > prompt.Length + 3));
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;

        List<int> read = [];
        Task<GenerationFailedException> failing = Assert.ThrowsAsync<GenerationFailedException>(() => ReadAsync(model, Request(prompt, 30) with { Id = poisonous, Completions = 2 }, read));
        Task<List<int>>[] others = [.. Golden.Cases.Select(one => GenerateAsync(model, one.Prompt, one.Greedy.Length))];

        Assert.Equal(Golden.Cases.Select(one => one.Greedy), (await Task.WhenAll(others)).Select(ids => ids.ToArray()));
        GenerationFailedException failure = await failing;
        Assert.Contains($"position {prompt.Length + 4}", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
        Assert.InRange(read.Count, 4, 8);
        (int[] next, int[] greedy, _) = Golden.Cases.Last();
        Assert.Equal(greedy, await GenerateAsync(model, next, greedy.Length));
        SchedulerStatus status = (await cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey("llama", 0).ToString()).GetReport())!.Scheduler;
        Assert.Equal((0, 0, 0), (status.Waiting, status.Running, status.BlocksInUse));
    }

    [Fact]
    public async Task Generate_EverySequenceThrowsNowAndThen_GivesTheSameIds()
    {
        // Once at each of these lengths: beside the throw of another sequence that is twice in a row, which nobody is given up for.
        HashSet<(SequenceId, int)> threw = [];
        await using EmbeddedCluster cluster = await StartAsync(2, step => step.Sequences.Any(rows => rows.Length % 4 == 0 && threw.Add((rows.Id, rows.Length))));
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;

        Task<List<int>>[] all = [.. Golden.Cases.Select(one => GenerateAsync(model, one.Prompt, one.Greedy.Length))];

        Assert.Equal(Golden.Cases.Select(one => one.Greedy), (await Task.WhenAll(all)).Select(ids => ids.ToArray()));
        Assert.InRange(threw.Count, 10, int.MaxValue);
    }

    private static Task<EmbeddedCluster> StartAsync(int silos, Func<StepBatch, bool> throws) => EmbeddedCluster.StartAsync(
        new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = silos }, () => new FaultyBackend(throws), null, Cancellation);

    private static GenerateRequest Request(int[] prompt, int tokens) => new()
    {
        Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = tokens, Sampling = new SamplingOptions { IgnoreEos = true },
    };

    private static async Task<List<int>> GenerateAsync(IServedModel model, int[] prompt, int tokens)
    {
        List<int> ids = [];
        await ReadAsync(model, Request(prompt, tokens), ids);
        return ids;
    }

    private static async Task ReadAsync(IServedModel model, GenerateRequest request, List<int> ids)
    {
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation)) ids.AddRange(chunk.Tokens.Select(token => token.Id));
    }
}
