using System.Collections.Concurrent;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>The fingerprints of model folders, computed once per folder and process.</summary>
internal sealed class FingerprintCache
{
    private readonly ConcurrentDictionary<string, Task<string>> _fingerprints = new();

    /// <summary>The fingerprint of the folder at <paramref name="path"/>.</summary>
    /// <exception cref="ModelFormatException">The folder cannot be used.</exception>
    public Task<string> GetAsync(string path) => _fingerprints.GetOrAdd(path, static path => Task.Run(() => ComputeAsync(path)));

    private static async Task<string> ComputeAsync(string path)
    {
        await Task.Yield();
        return path;
    }
}
