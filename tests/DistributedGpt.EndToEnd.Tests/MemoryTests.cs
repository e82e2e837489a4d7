using System.Text;
using System.Text.Json;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A silo that may use less memory than its machine has, as in a container.</summary>
public sealed class MemoryTests
{
    private const long Limit = 512 << 20;

    /// <summary>Bytes of keys and values that the model keeps for a token: 6 layers of 192 numbers.</summary>
    private const long BytesPerToken = 2 * 6 * 192 * sizeof(float);

    private const int ContextLength = 512;

    [Fact]
    public async Task Silo_InAGroupWithALimit_RefusesWhatDoesNotFitAndServesWhatDoes()
    {
        using MemoryGroup? group = MemoryGroup.TryCreate(Limit, out string reason);
        Assert.SkipWhen(group is null, reason);
        await using TestCluster cluster = await TestCluster.StartWithinAsync(group, "A");
        StreamRequest[] requests = StreamRequest.OfEveryKind(60);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        (long limit, long reserved) = await MemoryAsync();
        Assert.InRange(limit, Limit / 2, Limit / 10 * 9);

        long free = limit - reserved;
        await using DgptProcess load = DgptProcess.Start("model", "load", TestCluster.ModelFolder, "--name", "large", "--kv-tokens", $"{Limit / BytesPerToken}", "--cluster", cluster.Address);
        Assert.Equal((1, ""), await load.EndAsync());
        Assert.Matches($@"^error: \S+: memory: expected at least [\d,]+ bytes .* found {free:N0} free\n$", load.Error);
        Assert.Equal((limit, reserved), await MemoryAsync());

        // A cache of nearly all that is left beside the weights (a tied embedding counts twice), every block of it written.
        Assert.Equal("shakespeare is unloaded\n", await DgptProcess.RunAsync("model", "unload", TestCluster.Model, "--cluster", cluster.Address));
        long tokens = (limit - 2 * new FileInfo(Path.Combine(TestCluster.ModelFolder, "model.safetensors")).Length) / BytesPerToken / ContextLength * ContextLength;
        await DgptProcess.RunAsync("model", "load", TestCluster.ModelFolder, "--kv-tokens", $"{tokens}", "--cluster", cluster.Address);
        await Parallel.ForAsync(0, (int)(tokens / ContextLength), TestContext.Current.CancellationToken, FillAsync);
        JsonElement scheduler = (await cluster.ReplicaAsync()).GetProperty("scheduler");
        Assert.InRange(scheduler.GetProperty("blocks_cached").GetInt64(), tokens / 16 * 9 / 10, tokens / 16);

        string[] atTheLimit = await new RunningStreams(cluster.Http, requests).EndAsync();
        Assert.True(undisturbed.SequenceEqual(atTheLimit), cluster.Logs);

        async Task<(long Limit, long Reserved)> MemoryAsync()
        {
            JsonElement silo = (await cluster.StatusAsync()).GetProperty("silos")[0];
            return (silo.GetProperty("memory_limit").GetInt64(), silo.GetProperty("reserved_bytes").GetInt64());
        }

        async ValueTask FillAsync(int number, CancellationToken cancellationToken)
        {
            string prompt = string.Join(", ", Enumerable.Range(0, ContextLength - 1).Select(i => i == 0 ? 1 + number : 1 + i));
            using HttpResponseMessage response = await cluster.Http.PostAsync(
                "completions", new StringContent($$"""{"model": "shakespeare", "prompt": [{{prompt}}], "max_tokens": 1}""", Encoding.UTF8, "application/json"), cancellationToken);
            response.EnsureSuccessStatusCode();
        }
    }
}
