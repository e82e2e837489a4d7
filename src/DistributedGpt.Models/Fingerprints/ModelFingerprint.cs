namespace DistributedGpt.Models;

/// <summary>
/// 128 bits that silos compare before they share a model: they cover <c>config.json</c>, the name, size and every byte of each weight
/// file, and the version of the kernels. A fine-tune has the same headers, and another fingerprint.
/// </summary>
/// <param name="High">The upper half.</param>
/// <param name="Low">The lower half.</param>
public readonly record struct ModelFingerprint(ulong High, ulong Low)
{
    /// <summary>The 32 hexadecimal digits.</summary>
    public override string ToString() => $"{High:x16}{Low:x16}";
}
