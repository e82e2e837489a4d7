using System.Text;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Tests;

namespace DistributedGpt.Cluster.Tests;

/// <summary>A stop string ends a completion in the engine too.</summary>
public sealed class StopStringTests
{
    private static readonly Golden Golden = new("llama");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Generate_StopStringInOneOfTwo_ComputesTheOtherAlone()
    {
        int[] prompt = Golden.Cases.First().Prompt;
        using var release = new ManualResetEventSlim(initialState: true);
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = Golden.Folder }, () => new FaultyBackend(step =>
        {
            if (Array.Exists(step.Sequences, rows => rows.Id.Completion == 1 && rows.Length == prompt.Length + 30)) release.Wait(Cancellation);
            return false;
        }), null, Cancellation);
        IServedModel model = (await cluster.Client.FindModelAsync("llama", Cancellation))!;
        var coordinator = cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey("llama", 0).ToString());
        string[] whole = await ReadAsync(model, prompt, [], _ => Task.CompletedTask);
        string stop = Enumerable.Range(2, 6).Select(i => whole[0].Substring(i, 3)).First(part => !whole[1].Contains(part, StringComparison.Ordinal));

        // The second completion waits half-way until the first one has left the engine.
        release.Reset();
        using CancellationTokenRegistration end = Cancellation.Register(release.Set);
        string[] stopped = await ReadAsync(model, prompt, [stop], async chunk =>
        {
            if (chunk is not { Completion: 0, Finish: FinishReason.Stop }) return;
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while ((await coordinator.GetReport())!.Scheduler.Running != 1) await Task.Delay(5, patience.Token);
            release.Set();
        });

        Assert.Equal([whole[0][..whole[0].IndexOf(stop, StringComparison.Ordinal)], whole[1]], stopped);
    }

    private static async Task<string[]> ReadAsync(IServedModel model, int[] prompt, string[] stop, Func<CompletionChunk, Task> read)
    {
        var request = new GenerateRequest
        {
            Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = 60, Completions = 2, Sampling = new SamplingOptions { IgnoreEos = true, Temperature = 1.5f, Seed = 3 },
        };
        StringBuilder[] texts = [new(), new()];
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, stop, Cancellation))
        {
            texts[chunk.Completion].Append(chunk.Text);
            await read(chunk);
        }

        return [.. texts.Select(text => text.ToString())];
    }
}
