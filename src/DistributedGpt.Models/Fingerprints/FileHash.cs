using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using Microsoft.Win32.SafeHandles;

namespace DistributedGpt.Models;

/// <summary>
/// Hashes a file of any size on all cores: XxHash128 of each chunk, then of all chunks' hashes in order. The chunk's size is part of
/// the result and must not change.
/// </summary>
internal static class FileHash
{
    private const long ChunkBytes = 16 << 20;
    private const int BufferBytes = 1 << 20;

    /// <summary>The hash of all bytes of <paramref name="file"/>.</summary>
    /// <param name="file">An open file.</param>
    /// <param name="progress">Told how many more bytes are done, from several threads.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="IOException">The file cannot be read, or became shorter.</exception>
    public static async Task<UInt128> ComputeAsync(SafeFileHandle file, IProgress<long>? progress, CancellationToken cancellation)
    {
        long length = RandomAccess.GetLength(file);
        UInt128[] chunks = new UInt128[(length + ChunkBytes - 1) / ChunkBytes];
        await Parallel.ForAsync(0, chunks.Length, cancellation, (chunk, stop) =>
        {
            long begin = chunk * ChunkBytes;
            chunks[chunk] = HashChunk(file, begin, Math.Min(begin + ChunkBytes, length), progress, stop);
            return ValueTask.CompletedTask;
        }).ConfigureAwait(false);

        XxHash128 all = new();
        Span<byte> bytes = stackalloc byte[16];
        foreach (UInt128 chunk in chunks)
        {
            BinaryPrimitives.WriteUInt128LittleEndian(bytes, chunk);
            all.Append(bytes);
        }
        return all.GetCurrentHashAsUInt128();
    }

    private static UInt128 HashChunk(SafeFileHandle file, long begin, long end, IProgress<long>? progress, CancellationToken cancellation)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            XxHash128 hash = new();
            while (begin < end)
            {
                cancellation.ThrowIfCancellationRequested();
                int read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(BufferBytes, end - begin)), begin);
                if (read == 0) throw new EndOfStreamException("The file became shorter while it was read.");
                hash.Append(buffer.AsSpan(0, read));
                begin += read;
                progress?.Report(read);
            }
            return hash.GetCurrentHashAsUInt128();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
