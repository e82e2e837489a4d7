using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using DistributedGpt.Client;
using DistributedGpt.Engine;

namespace DistributedGpt.Cluster.Tests;

/// <summary>A checkpoint whose embedding of one token is not a number.</summary>
public sealed class BrokenWeightsTests
{
    private static readonly Golden Golden = new("llama");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public async Task Generate_LogitsAreNotNumbers_EndsWithThatErrorAndDisturbsNobody(float temperature)
    {
        int broken = Enumerable.Range(0, 384).Except(Golden.Cases.SelectMany(one => one.Prompt.Concat(one.Greedy))).First();
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dgpt-broken-");
        try
        {
            foreach (string file in Directory.EnumerateFiles(Golden.Folder)) File.Copy(file, Path.Combine(folder.FullName, Path.GetFileName(file)));
            BreakEmbedding(Path.Combine(folder.FullName, "model.safetensors"), broken);
            await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(
                new EmbeddedClusterOptions { ModelPath = folder.FullName, ModelName = "m", Silos = 2, Threads = 1 }, null, Cancellation);
            IServedModel model = (await cluster.Client.FindModelAsync("m", Cancellation))!;

            Task<int[]>[] others = [.. Golden.Cases.Select(one => GenerateAsync(model, one.Prompt, one.Greedy.Length, 0, []))];
            List<int> read = [];
            GenerationFailedException failed = await Assert.ThrowsAsync<GenerationFailedException>(() => GenerateAsync(model, [1, 2, broken, 3], 5, temperature, read));

            Assert.Equal("The request was given up: the logits for position 4 of completion 0 are not numbers", failed.Message);
            Assert.Empty(read);
            Assert.Equal(Golden.Cases.Select(one => one.Greedy), await Task.WhenAll(others));
            ReplicaReport report = (await cluster.Grains.GetGrain<ICoordinatorControl>(new ReplicaKey("m", 0).ToString()).GetReport())!;
            Assert.Equal((1, 0, 0), (report.Epoch, report.Scheduler.Running, report.Scheduler.BlocksInUse));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void BreakEmbedding(string path, int token)
    {
        byte[] file = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonElement tensor = JsonDocument.Parse(file.AsMemory(8, header)).RootElement.GetProperty("model.embed_tokens.weight");
        int hidden = tensor.GetProperty("shape")[1].GetInt32(), start = 8 + header + tensor.GetProperty("data_offsets")[0].GetInt32();
        MemoryMarshal.Cast<byte, float>(file.AsSpan(start + token * hidden * sizeof(float), hidden * sizeof(float))).Fill(float.NaN);
        File.WriteAllBytes(path, file);
    }

    private static async Task<int[]> GenerateAsync(IServedModel model, int[] prompt, int tokens, float temperature, List<int> ids)
    {
        var request = new GenerateRequest
        {
            Id = Guid.NewGuid(), PromptIds = prompt, MaxTokens = tokens, Sampling = new SamplingOptions { Temperature = temperature, IgnoreEos = true },
        };
        await foreach (CompletionChunk chunk in model.GenerateAsync(request, [], Cancellation)) ids.AddRange(chunk.Tokens.Select(token => token.Id));
        return [.. ids];
    }
}
