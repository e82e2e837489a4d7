namespace DistributedGpt.Cluster;

/// <summary>The bytes that a silo may occupy with models, and those that are taken.</summary>
/// <param name="limit">How many there are.</param>
internal sealed class SiloMemory(long limit)
{
    private long _reserved;

    /// <summary>How many there are.</summary>
    public long Limit => limit;

    /// <summary>How many are taken.</summary>
    public long Reserved => Interlocked.Read(ref _reserved);

    /// <summary>Takes bytes, if there are so many.</summary>
    public bool TryReserve(long bytes)
    {
        if (Interlocked.Add(ref _reserved, bytes) <= limit) return true;
        Release(bytes);
        return false;
    }

    /// <summary>Gives bytes back.</summary>
    public void Release(long bytes) => Interlocked.Add(ref _reserved, -bytes);
}
