namespace DistributedGpt.Models.Tests;

public sealed class FingerprintTests : IDisposable
{
    private readonly FolderCopy _folder = new("llama-mha-tied-bf16-sharded");
    private readonly string _cacheDirectory = Directory.CreateTempSubdirectory("dgpt-cache-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FingerprintAsync_SameBytes_IsStable()
    {
        using FolderCopy other = new("llama-mha-tied-bf16-sharded");
        Assert.Equal(await Compute(_folder), await Compute(other));
    }

    [Fact]
    public async Task FingerprintAsync_AnyWeightByteChanged_Differs()
    {
        ModelFingerprint before = await Compute(_folder);
        HashSet<ModelFingerprint> seen = [before];
        foreach (string file in Directory.EnumerateFiles(_folder.Path, "*.safetensors").Order())
        {
            string name = Path.GetFileName(file);
            _folder.EditBytes(bytes => Flip(bytes, bytes.Length - 1), name);
            Assert.True(seen.Add(await Compute(_folder)), name);
        }
    }

    [Fact]
    public async Task FingerprintAsync_ConfigOrKernelsChanged_Differs()
    {
        ModelFingerprint before = await Compute(_folder);
        Assert.NotEqual(before, await Compute(_folder, kernels: "2"));
        _folder.SetConfig("rms_norm_eps", "1e-6");
        Assert.NotEqual(before, await Compute(_folder));
    }

    [Fact]
    public async Task FingerprintAsync_FilesRemembered_ReadsNothing()
    {
        Age();
        CountedBytes first = new(), second = new();
        ModelFingerprint fingerprint = await Compute(_folder, cache: Cache, progress: first);
        Assert.Equal(Directory.EnumerateFiles(_folder.Path, "*.safetensors").Sum(file => new FileInfo(file).Length), first.Total);
        Assert.Equal(fingerprint, await Compute(_folder, cache: Cache, progress: second));
        Assert.Equal(0, second.Total);
    }

    [Fact]
    public async Task FingerprintAsync_FileChangedAfterItWasRemembered_Differs()
    {
        Age();
        ModelFingerprint before = await Compute(_folder, cache: Cache);
        _folder.EditBytes(bytes => Flip(bytes, bytes.Length - 1), "model-00002-of-00006.safetensors");
        Assert.NotEqual(before, await Compute(_folder, cache: Cache));
    }

    [Fact]
    public async Task FingerprintAsync_FileJustWritten_IsNotRemembered()
    {
        foreach (string file in Directory.EnumerateFiles(_folder.Path)) File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
        await Compute(_folder, cache: Cache);
        Assert.Empty(Directory.EnumerateFiles(_cacheDirectory));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("0 1 2")]
    [InlineData("\0\0\0\0")]
    public async Task FingerprintAsync_SpoiledMemory_IsComputedAnew(string content)
    {
        Age();
        ModelFingerprint fingerprint = await Compute(_folder, cache: Cache);
        foreach (string entry in Directory.EnumerateFiles(_cacheDirectory)) File.WriteAllText(entry, content);
        Assert.Equal(fingerprint, await Compute(_folder, cache: Cache));
    }

    [Fact]
    public async Task FingerprintAsync_OneDigitOfTheMemoryChanged_IsComputedAnew()
    {
        Age();
        ModelFingerprint fingerprint = await Compute(_folder, cache: Cache);
        foreach (string entry in Directory.EnumerateFiles(_cacheDirectory))
        {
            char[] text = File.ReadAllText(entry).ToCharArray();
            text[40] = text[40] == '0' ? '1' : '0';
            File.WriteAllText(entry, new string(text));
        }
        Assert.Equal(fingerprint, await Compute(_folder, cache: Cache));
    }

    [Fact]
    public async Task FingerprintAsync_CacheDirectoryCannotBeMade_StillAnswers()
    {
        Age();
        string file = Path.Combine(_cacheDirectory, "file");
        File.WriteAllText(file, "");
        Assert.Equal(await Compute(_folder), await Compute(_folder, cache: new FileHashCache(Path.Combine(file, "below"))));
    }

    [Fact]
    public async Task FingerprintAsync_Cancelled_Stops()
    {
        using ModelFolder open = ModelFolder.Open(_folder.Path);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => open.FingerprintAsync("1", new FileHashCache(null), cancellation: new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task ComputeAsync_SeveralChunks_DependsOnEveryOneAndTheirOrder()
    {
        const int chunk = 16 << 20;
        byte[] bytes = new byte[2 * chunk + 5];
        HashSet<UInt128> seen = [];
        foreach (int at in (int[])[0, chunk - 1, chunk, 2 * chunk - 1, 2 * chunk, 2 * chunk + 4])
        {
            bytes[at] ^= 1;
            Assert.True(seen.Add(await HashOf(bytes)), $"byte {at}");
            bytes[at] ^= 1;
        }
        Assert.True(seen.Add(await HashOf(bytes)));
        Assert.False(seen.Add(await HashOf(bytes)));
    }

    public void Dispose()
    {
        _folder.Dispose();
        Directory.Delete(_cacheDirectory, recursive: true);
    }

    private FileHashCache Cache => new(_cacheDirectory);

    /// <summary>Only files that were not written just now are remembered.</summary>
    private void Age()
    {
        foreach (string file in Directory.EnumerateFiles(_folder.Path)) File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(-1));
    }

    private static byte[] Flip(byte[] bytes, int at)
    {
        bytes[at] ^= 1;
        return bytes;
    }

    private static async Task<ModelFingerprint> Compute(
        FolderCopy folder, string kernels = "1", FileHashCache? cache = null, IProgress<long>? progress = null)
    {
        using ModelFolder open = ModelFolder.Open(folder.Path);
        return await open.FingerprintAsync(kernels, cache ?? new FileHashCache(null), progress, Cancellation);
    }

    private async Task<UInt128> HashOf(byte[] bytes)
    {
        string path = Path.Combine(_cacheDirectory, "bytes");
        await File.WriteAllBytesAsync(path, bytes, Cancellation);
        using var file = File.OpenHandle(path);
        return await FileHash.ComputeAsync(file, null, Cancellation);
    }

    private sealed class CountedBytes : IProgress<long>
    {
        private long _total;

        public long Total => _total;

        public void Report(long value) => Interlocked.Add(ref _total, value);
    }
}
