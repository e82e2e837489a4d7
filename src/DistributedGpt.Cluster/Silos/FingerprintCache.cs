using System.Runtime.CompilerServices;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>The fingerprints of open model folders for this silo's device, computed once for each.</summary>
internal sealed class FingerprintCache(SiloStoreOptions options, ComputeDevice device)
{
    private readonly ConditionalWeakTable<ModelFolder, Lazy<Task<string>>> _fingerprints = [];

    /// <summary>The fingerprint of a folder, with what this silo makes of its weights.</summary>
    /// <exception cref="ModelFormatException">A file cannot be read.</exception>
    public async Task<string> GetAsync(ModelFolder folder)
    {
        try
        {
            return await _fingerprints.GetValue(folder, folder => new Lazy<Task<string>>(() => Task.Run(() => ComputeAsync(folder)))).Value;
        }
        catch
        {
            // The next one tries again.
            _fingerprints.Remove(folder);
            throw;
        }
    }

    private async Task<string> ComputeAsync(ModelFolder folder)
    {
        string kernels = $"{device.Backend.Kernels} {options.WeightType?.ToString() ?? "as stored"}";
        return (await folder.FingerprintAsync(kernels)).ToString();
    }
}
