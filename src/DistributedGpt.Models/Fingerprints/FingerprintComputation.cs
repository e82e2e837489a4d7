using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>Computes the fingerprint of an open folder; reads the weight files whose hashes are not remembered.</summary>
internal static class FingerprintComputation
{
    /// <summary>The fingerprint.</summary>
    public static async Task<ModelFingerprint> ComputeAsync(
        string configuration, IReadOnlyList<MappedFile> files, string kernelsVersion, FileHashCache cache,
        IProgress<long>? progress, CancellationToken cancellation)
    {
        XxHash128 all = new();
        Append(all, kernelsVersion);
        Append(all, configuration);
        foreach (MappedFile file in files)
        {
            UInt128 hash = await HashAsync(file, cache, progress, cancellation).ConfigureAwait(false);
            Append(all, string.Create(CultureInfo.InvariantCulture, $"{file.Name}|{file.Length}|{hash:x32}"));
        }
        UInt128 result = all.GetCurrentHashAsUInt128();
        return new((ulong)(result >> 64), (ulong)result);
    }

    private static async Task<UInt128> HashAsync(MappedFile file, FileHashCache cache, IProgress<long>? progress, CancellationToken cancellation)
    {
        DateTime written = file.LastWritten;
        if (cache.Find(file.Path, written, file.Length) is UInt128 known) return known;
        try
        {
            UInt128 hash = await FileHash.ComputeAsync(file.Handle, progress, cancellation).ConfigureAwait(false);
            if (file.LastWritten == written) cache.Keep(file.Path, written, file.Length, hash);
            return hash;
        }
        catch (IOException error)
        {
            throw ModelFormatException.Of(file.Name, "data", $"{file.Length} readable bytes", error.Message, error);
        }
    }

    /// <summary>Length first, so that no two lists of texts give the same bytes.</summary>
    private static void Append(XxHash128 hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        hash.Append(BitConverter.GetBytes(bytes.LongLength));
        hash.Append(bytes);
    }
}
