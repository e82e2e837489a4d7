using System.Text.Json;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>Members that see other model folders than the rest of the cluster.</summary>
public sealed class FolderTests : IDisposable
{
    private readonly string _folders = Directory.CreateTempSubdirectory("dgpt-folders-").FullName;

    public void Dispose() => Directory.Delete(_folders, recursive: true);

    [Fact]
    public async Task Load_FolderThatDiffersOnOneSilo_IsRefusedAndLeavesNothing()
    {
        Assert.SkipUnless(PrivateMount.IsSupported, "a folder that one process alone sees takes root");
        string folder = CopyModel("model"), other = CopyModel("other");
        using (FileStream weights = File.Open(Path.Combine(other, "model.safetensors"), FileMode.Open))
        {
            weights.Seek(-1, SeekOrigin.End);
            int last = weights.ReadByte();
            weights.Seek(-1, SeekOrigin.End);
            weights.WriteByte((byte)(last ^ 1));
        }

        await using TestCluster cluster = await TestCluster.StartInsideAsync(new Dictionary<string, string[]> { ["B"] = PrivateMount.Of(other, folder) }, "A", "B");
        StreamRequest[] requests = StreamRequest.OfEveryKind(120);
        string[] undisturbed = await new RunningStreams(cluster.Http, requests).EndAsync();
        string[] before = await MemoryAsync();

        var streams = new RunningStreams(cluster.Http, requests);
        await streams.ReachAsync(20);
        await using DgptProcess load = DgptProcess.Start("model", "load", folder, "--name", "bard", "--cluster", cluster.Address);
        Assert.Equal((1, ""), await load.EndAsync());
        string[] disturbed = await streams.EndAsync();

        Assert.Matches($"^error: {folder}: model: expected fingerprint [0-9a-f]+, found [0-9a-f]+ on [AB]\n$", load.Error);
        Assert.True(undisturbed.SequenceEqual(disturbed), cluster.Logs);
        Assert.Equal(before, await MemoryAsync());
        Assert.Single((await cluster.StatusAsync()).GetProperty("models").EnumerateArray());

        // Where the folders are alike, the name is free.
        Assert.Equal("bard is loaded\n", await DgptProcess.RunAsync("model", "load", TestCluster.ModelFolder, "--name", "bard", "--cluster", cluster.Address));

        async Task<string[]> MemoryAsync() =>
            [.. (await cluster.StatusAsync()).GetProperty("silos").EnumerateArray().Select(silo => $"{silo.GetProperty("name")} {silo.GetProperty("reserved_bytes")}")];
    }

    [Fact]
    public async Task Gateway_OnAMachineWithoutTheModelFolder_ServesWhatTheClusterTellsIt()
    {
        Assert.SkipUnless(PrivateMount.IsSupported, "a folder that one process alone sees takes root");
        string[] hidden = PrivateMount.Of(_folders, Path.GetDirectoryName(TestCluster.ModelFolder)!);
        await using TestCluster cluster = await TestCluster.StartInsideAsync(new Dictionary<string, string[]> { [TestCluster.GatewayHost] = hidden }, "A", "B");

        string text = await StreamRequest.OfEveryKind(60)[0].RunAsync(cluster.Http);
        JsonElement models = JsonDocument.Parse(await cluster.Http.GetStringAsync("models", TestContext.Current.CancellationToken)).RootElement.GetProperty("data");

        Assert.StartsWith(await DgptProcess.RunAsync("generate", "ROMEO:", "--model", TestCluster.ModelFolder, "--temperature", "0", "--max-tokens", "60", "--ignore-eos"), text);
        Assert.Equal(TestCluster.Model, models.EnumerateArray().Single().GetProperty("id").GetString());
    }

    private string CopyModel(string name)
    {
        string folder = Path.Combine(_folders, name);
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(TestCluster.ModelFolder)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }
}
