using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster.Tests;

/// <summary>The bits of every row's logits, through the whole cluster: they depend on the row's sequence alone.</summary>
public sealed class LogitBitsTests
{
    private const int Tokens = 30;

    public static TheoryData<string> Models => ["gpt2", "llama3-old-spelling-bf16"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Logits_BusyBatchesOnAnyNumberOfSilos_SameBitsAsAlone(string name)
    {
        GenerateRequest[] requests = Requests(name, 6);
        using RecordingBackend alone = await RunAsync(name, silos: 1, kvTokens: null, requests, atOnce: false);

        foreach (int silos in new[] { 1, 2, 3 })
        {
            using RecordingBackend busy = await RunAsync(name, silos, kvTokens: null, requests, atOnce: true);
            AssertSame(alone, busy);
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Logits_AfterPreemption_SameBits(string name)
    {
        GenerateRequest[] requests = Requests(name, 3);
        using RecordingBackend alone = await RunAsync(name, silos: 1, kvTokens: null, requests, atOnce: false);

        // Room for two prompts, but not for what both generate.
        using RecordingBackend crowded = await RunAsync(name, silos: 2, kvTokens: 13 * StepBatch.BlockSize, requests, atOnce: true);

        Assert.True(crowded.Repeated > 0, "nothing was preempted");
        AssertSame(alone, crowded);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public async Task Logits_AfterAPrefixHit_SameBits(string name)
    {
        GenerateRequest first = Requests(name, 1)[0];
        GenerateRequest second = first with { Id = Guid.NewGuid() };
        using RecordingBackend backend = await RunAsync(name, silos: 1, kvTokens: null, [first, second], atOnce: false);

        Dictionary<int, string> computed = RowsOf(first), reused = RowsOf(second);
        Assert.Equal(first.PromptIds.Length / StepBatch.BlockSize * StepBatch.BlockSize, reused.Keys.Min());
        Assert.All(reused, row => Assert.Equal(computed[row.Key], row.Value));

        Dictionary<int, string> RowsOf(GenerateRequest request) =>
            backend.Rows.Where(row => row.Key.Sequence.Request == request.Id).ToDictionary(row => row.Key.Position, row => row.Value);
    }

    private static void AssertSame(RecordingBackend expected, RecordingBackend actual)
    {
        Assert.Empty(actual.Changed);
        Assert.Equal(expected.Rows.Count, actual.Rows.Count);
        Assert.All(expected.Rows, row => Assert.Equal(row.Value, actual.Rows[row.Key]));
    }

    /// <summary>Requests with seeds and prompts of their own.</summary>
    private static GenerateRequest[] Requests(string name, int count)
    {
        int[] prompt = new Golden(name).Cases.Last().Prompt;
        return [.. Enumerable.Range(0, count).Select(i => new GenerateRequest
        {
            Id = new Guid(i + 1, 0, 0, new byte[8]),
            PromptIds = [.. prompt[i..], .. prompt[..i]],
            MaxTokens = Tokens,
            Sampling = new SamplingOptions { Temperature = 1, Seed = (ulong)i, IgnoreEos = true },
        })];
    }

    private static async Task<RecordingBackend> RunAsync(string name, int silos, int? kvTokens, GenerateRequest[] requests, bool atOnce)
    {
        var backend = new RecordingBackend();
        var options = new EmbeddedClusterOptions { ModelPath = new Golden(name).Folder, Silos = silos, KvTokens = kvTokens };
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(options, () => backend, null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync(name, Cancellation))!;
        if (atOnce)
        {
            await Task.WhenAll(requests.Select(RunOneAsync));
        }
        else
        {
            foreach (GenerateRequest request in requests) await RunOneAsync(request);
        }

        return backend;

        async Task RunOneAsync(GenerateRequest request)
        {
            int tokens = 0;
            await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation)) tokens += chunk.Tokens.Count;
            Assert.Equal(Tokens, tokens);
        }
    }
}
