using System.Runtime.InteropServices;

namespace DistributedGpt.Transformer;

/// <summary>
/// Uninitialised native memory on a 64-byte boundary. The system gives a page when it is first written, so a large buffer costs what
/// is used of it; on Linux large buffers ask for huge pages, which spare the reader of a weight matrix most misses of the TLB.
/// </summary>
internal sealed unsafe partial class NativeBuffer : IDisposable
{
    private const long HugePage = 2 << 20;
    private const int AdviseHugePages = 14;
    private void* _address;

    /// <summary>Allocates <paramref name="bytes"/> bytes (at least one cache line).</summary>
    /// <exception cref="OutOfMemoryException">The system has no room.</exception>
    public NativeBuffer(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = Math.Max(64, (bytes + 63) & ~63L);
        bool large = Bytes >= 2 * HugePage;
        _address = NativeMemory.AlignedAlloc((nuint)Bytes, large ? (nuint)HugePage : 64);
        if (large && OperatingSystem.IsLinux()) _ = Advise(_address, (nuint)Bytes, AdviseHugePages);
    }

    ~NativeBuffer() => Free();

    /// <summary>Size in bytes, a multiple of 64.</summary>
    public long Bytes { get; }

    /// <summary>The memory as floats.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public float* Floats => (float*)Address;

    /// <summary>Where the memory begins.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public void* Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == null, this);
            return _address;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
    }

    // Only advice: a kernel without huge pages answers with an error that changes nothing.
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
