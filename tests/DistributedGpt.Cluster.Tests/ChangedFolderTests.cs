using DistributedGpt.Client;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.Cluster.Tests;

/// <summary>A model folder that is not there yet, or that becomes another while its model is served.</summary>
public sealed class ChangedFolderTests : IDisposable
{
    private static readonly Golden Golden = new("llama");

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"dgpt-changed-{Guid.NewGuid():N}");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Weights => Path.Combine(_folder, "model.safetensors");

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Load_FolderThatWasRefusedAndThenChanged_IsReadAnew()
    {
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = 2, KvTokens = 512 }, null, Cancellation);
        var catalog = cluster.Grains.GetGrain<ICatalogControl>(0);
        var model = new ModelSpec { Name = "m", Path = _folder, KvTokens = 512, Replicas = 2 };
        Assert.StartsWith($"{_folder}: folder: expected a model folder, found nothing", await catalog.Load(model), StringComparison.Ordinal);

        Directory.CreateDirectory(_folder);
        foreach (string file in Directory.EnumerateFiles(Golden.Folder)) File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        Assert.Null(await catalog.Load(model));
        string before = (await catalog.Find("m"))!.Fingerprint;
        Assert.True(await catalog.Unload("m", now: true));

        Flip();
        Assert.Null(await catalog.Load(model));
        Assert.NotEqual(before, (await catalog.Find("m"))!.Fingerprint);
    }

    [Fact]
    public async Task Load_PartWhoseFolderIsAnotherThanWasPlanned_IsRefusedWithBothFingerprints()
    {
        Directory.CreateDirectory(_folder);
        foreach (string file in Directory.EnumerateFiles(Golden.Folder)) File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        await using EmbeddedCluster cluster = await EmbeddedCluster.StartAsync(new EmbeddedClusterOptions { ModelPath = Golden.Folder, Silos = 2, KvTokens = 512 }, null, Cancellation);
        var catalog = cluster.Grains.GetGrain<ICatalogControl>(0);

        Assert.Null(await catalog.Load(new ModelSpec { Name = "m", Path = _folder, KvTokens = 512 }));
        string fingerprint = (await catalog.Find("m"))!.Fingerprint;
        ReplicaRecord record = (await new ReplicaJournal(cluster.Silos[0].GetRequiredService<RecordStore>(), new ReplicaKey("m", 0), Guid.Empty).ReadAsync())!;
        var other = new PartKey(new ReplicaKey("other", 0), PartKind.Layer, 0);
        Flip();
        string? error = await cluster.Silos[1].GetRequiredService<PartLoader>().LoadAsync(other, record);

        Assert.Matches($"^{_folder}: model: expected fingerprint {fingerprint}, found [0-9a-f]+ on ", error);
    }

    private void Flip()
    {
        byte[] bytes = File.ReadAllBytes(Weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(Weights, bytes);
    }
}
