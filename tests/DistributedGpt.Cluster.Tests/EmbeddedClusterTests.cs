using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster.Tests;

public sealed class EmbeddedClusterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("gpt2", 1)]
    [InlineData("gpt2", 2)]
    [InlineData("gpt2", 3)]
    [InlineData("llama", 1)]
    [InlineData("llama", 3)]
    [InlineData("qwen3-tied-bf16-old-spelling", 2)]
    public async Task Generate_GoldenModelOnSilos_GivesTheGoldenIds(string name, int silos)
    {
        var golden = new Golden(name);
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = golden.Folder, Silos = silos, Threads = 2 }, null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync(name, Cancellation))!;

        Completion[] completions = await Task.WhenAll(golden.Cases.Select(one => GenerateAsync(model, Greedy(one.Prompt, one.Greedy.Length))));

        Assert.Equal(golden.Cases.Select(one => one.Greedy), completions.Select(completion => completion.Ids));
        Assert.All(completions, completion => Assert.Equal(FinishReason.Length, completion.Finish));
    }

    [Fact]
    public async Task Generate_SeededAloneAndInABusyBatch_GivesTheSameIdsOnAnyNumberOfSilos()
    {
        var golden = new Golden("llama");
        int[] prompt = golden.Cases.First().Prompt;
        GenerateRequest Seeded(ulong seed) => Greedy(prompt, 30) with
        {
            Completions = 3,
            Sampling = new SamplingOptions { Temperature = 1.2f, Seed = seed, IgnoreEos = true, RepetitionPenalty = 1.3f, FrequencyPenalty = 0.2f, TopP = 0.95f },
        };

        List<int[][]> texts = [];
        foreach (int silos in new[] { 1, 2 })
        {
            await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = golden.Folder, Silos = silos, Threads = 1 }, null, Cancellation);
            IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;
            texts.Add(await GenerateAllAsync(model, Seeded(7)));
            Task<int[][]>[] busy = [.. Enumerable.Range(5, 6).Select(seed => GenerateAllAsync(model, Seeded((ulong)seed)))];
            texts.Add((await Task.WhenAll(busy))[2]);
        }

        Assert.Equal(3, texts[0].Distinct(new IdsComparer()).Count());
        Assert.All(texts, text => Assert.Equal(texts[0], text));
    }

    [Fact]
    public async Task Generate_RequestBeyondTheContext_IsRefusedWithTheNumbers()
    {
        var golden = new Golden("gpt2");
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = golden.Folder }, null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync("gpt2", Cancellation))!;

        RequestRefusedException refused = await Assert.ThrowsAsync<RequestRefusedException>(() => GenerateAsync(model, Greedy([1, 2, 3], 1000)));

        Assert.Equal(RequestRefusedException.ContextLengthExceeded, refused.Code);
        Assert.Contains("128", refused.Message, StringComparison.Ordinal);
        Assert.Contains("1003", refused.Message.Replace(",", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FindModel_UnknownName_IsNull()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = new Golden("gpt2").Folder }, null, Cancellation);

        Assert.Null(await cluster.Client.FindModelAsync("no/such model", Cancellation));
        Assert.Equal(["gpt2"], (await cluster.Client.ListModelsAsync(Cancellation)).Select(model => model.Name));
    }

    [Fact]
    public async Task FindModel_ManyUnknownNames_LeavesNoActivationBehind()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = new Golden("gpt2").Folder }, null, Cancellation);
        for (int i = 0; i < 50; i++) Assert.Null(await cluster.Client.FindModelAsync($"made up {i}", Cancellation));

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await CountAsync() > 1) await Task.Delay(10, patience.Token);
        Assert.NotNull(await cluster.Client.FindModelAsync("gpt2", Cancellation));

        async Task<int> CountAsync()
        {
            SimpleGrainStatistic[] grains = await cluster.Grains.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics();
            return grains.Where(grain => grain.GrainType.Contains(nameof(ModelGrain), StringComparison.Ordinal)).Sum(grain => grain.ActivationCount);
        }
    }

    [Fact]
    public async Task Start_FamilyThatIsNotBuilt_IsRefusedByName()
    {
        var options = new EmbeddedClusterOptions { ModelPath = new Golden("gemma2").Folder };

        ModelFormatException refused = await Assert.ThrowsAsync<ModelFormatException>(() => EmbeddedCluster.StartAsync(options, null, Cancellation));

        Assert.Contains("gemma2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_CacheBeyondMemory_IsRefusedWithTheNumbers()
    {
        var options = new EmbeddedClusterOptions { ModelPath = new Golden("gpt2").Folder, KvTokens = int.MaxValue - 16 };

        ModelFormatException refused = await Assert.ThrowsAsync<ModelFormatException>(() => EmbeddedCluster.StartAsync(options, null, Cancellation));

        Assert.Contains("memory: expected at least", refused.Message, StringComparison.Ordinal);
    }

    private static GenerateRequest Greedy(int[] prompt, int tokens) => new()
    {
        Id = Guid.NewGuid(),
        PromptIds = prompt,
        MaxTokens = tokens,
        Sampling = new SamplingOptions { IgnoreEos = true },
    };

    private static async Task<Completion> GenerateAsync(IServedModel model, GenerateRequest request)
    {
        List<int> ids = [];
        var finish = FinishReason.None;
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation))
        {
            ids.AddRange(chunk.Tokens.Select(token => token.Id));
            finish = chunk.Finish;
        }

        return new Completion([.. ids], finish);
    }

    private static async Task<int[][]> GenerateAllAsync(IServedModel model, GenerateRequest request)
    {
        List<int>[] ids = [.. Enumerable.Range(0, request.Completions).Select(_ => new List<int>())];
        await foreach (CompletionChunk chunk in model.GenerateAsync(request with { Id = Guid.NewGuid() }, [], Cancellation))
            ids[chunk.Completion].AddRange(chunk.Tokens.Select(token => token.Id));
        return [.. ids.Select(list => list.ToArray())];
    }

    private sealed record Completion(int[] Ids, FinishReason Finish);

    private sealed class IdsComparer : IEqualityComparer<int[]>
    {
        public bool Equals(int[]? a, int[]? b) => a.AsSpan().SequenceEqual(b);

        public int GetHashCode(int[] ids) => ids.Length;
    }
}
