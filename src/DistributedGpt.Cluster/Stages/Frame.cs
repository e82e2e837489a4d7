using System.Buffers;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>
/// Hidden states <c>[rows, hidden]</c>, float32, on their way over the border between two stages, in a pooled buffer. Between
/// silos the bytes are copied once, between stages of one silo the frame itself is handed on.
/// <para>
/// The buffer belongs to whoever made the frame: the sending stage, which returns it only when its call has succeeded (a message
/// that is still queued when a connection breaks is sent again), or the codec that read it, whose frame is released by the stage
/// that has consumed it. A buffer that is never returned is left to the collector.
/// </para>
/// </summary>
public sealed class Frame
{
    private byte[]? _buffer;

    internal Frame(int rows, int hidden, bool received)
    {
        Rows = rows;
        Hidden = hidden;
        WasReceived = received;
        _buffer = ArrayPool<byte>.Shared.Rent(ByteCount);
    }

    /// <summary>Rows.</summary>
    public int Rows { get; }

    /// <summary>Width of the residual stream.</summary>
    public int Hidden { get; }

    /// <summary>Bytes of all rows.</summary>
    public int ByteCount => checked(Rows * Hidden * sizeof(float));

    /// <summary>Whether the frame came over the network: then its consumer releases it.</summary>
    public bool WasReceived { get; }

    /// <summary>The rows' bytes, little-endian.</summary>
    internal Span<byte> Bytes => (_buffer ?? throw new ObjectDisposedException(nameof(Frame))).AsSpan(0, ByteCount);

    /// <summary>A frame with a copy of <paramref name="x"/>.</summary>
    public static Frame From(IHiddenStates x)
    {
        var frame = new Frame(x.Rows, x.Hidden, received: false);
        x.CopyTo(MemoryMarshal.Cast<byte, float>(frame.Bytes));
        return frame;
    }

    /// <summary>XxHash3 of the rows, with their number and width as its seed.</summary>
    internal ulong ComputeChecksum() => XxHash3.HashToUInt64(Bytes, ((long)Rows << 32) | (uint)Hidden);

    /// <summary>Copies the rows into <paramref name="x"/> and, if the frame was received, releases it.</summary>
    public void MoveTo(IHiddenStates x)
    {
        x.CopyFrom(MemoryMarshal.Cast<byte, float>(Bytes));
        if (WasReceived) Release();
    }

    /// <summary>Returns the buffer to the pool. The frame cannot be read any more.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer) ArrayPool<byte>.Shared.Return(buffer);
    }
}
