using System.Collections.Concurrent;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>The fingerprints of model folders for this silo's device, computed once per folder.</summary>
internal sealed class FingerprintCache(SiloStore store, SiloStoreOptions options, ComputeDevice device)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<string>>> _fingerprints = new();

    /// <summary>The fingerprint of the folder at <paramref name="path"/>, with what this silo makes of its weights.</summary>
    /// <exception cref="ModelFormatException">The folder cannot be used.</exception>
    public Task<string> GetAsync(string path) =>
        _fingerprints.GetOrAdd(path, path => new Lazy<Task<string>>(() => Task.Run(() => ComputeAsync(path)))).Value;

    private async Task<string> ComputeAsync(string path)
    {
        string kernels = $"{device.Backend.Kernels} {options.WeightType?.ToString() ?? "as stored"}";
        return (await store.Folder(path).FingerprintAsync(kernels)).ToString();
    }
}
