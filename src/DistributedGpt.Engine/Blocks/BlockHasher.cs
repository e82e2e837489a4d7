using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace DistributedGpt.Engine;

/// <summary>
/// Names full blocks by content: the first 128 bits of SHA-256 over the parent block's hash and the block's token ids; the first
/// block's parent is <see cref="Root"/>, a hash of the model and the cache salt. A cryptographic hash, because two users' requests
/// may meet in one cache and nobody should be able to make up a prompt that hits another's block.
/// </summary>
public sealed class BlockHasher
{
    private const int HashBytes = 16;

    private readonly byte[] _fingerprint;

    /// <summary>A hasher for one model.</summary>
    /// <param name="modelFingerprint">Names the model's content and everything else that keys and values depend on.</param>
    public BlockHasher(string modelFingerprint) => _fingerprint = SHA256.HashData(Encoding.UTF8.GetBytes(modelFingerprint));

    /// <summary>What the first block of every sequence with this cache salt follows. Blocks are never shared between salts.</summary>
    public BlockHash Root(string cacheSalt)
    {
        byte[] salt = Encoding.UTF8.GetBytes(cacheSalt);
        byte[] bytes = new byte[_fingerprint.Length + salt.Length];
        _fingerprint.CopyTo(bytes, 0);
        salt.CopyTo(bytes, _fingerprint.Length);
        return Digest(bytes);
    }

    /// <summary>The hash of a full block.</summary>
    /// <param name="parent">The hash of the block before it, or <see cref="Root"/>.</param>
    /// <param name="tokenIds">The block's tokens, <see cref="StepBatch.BlockSize"/> of them.</param>
    public static BlockHash Hash(BlockHash parent, ReadOnlySpan<int> tokenIds)
    {
        if (tokenIds.Length != StepBatch.BlockSize)
            throw new ArgumentException($"A full block has {StepBatch.BlockSize} tokens, not {tokenIds.Length}.", nameof(tokenIds));
        Span<byte> bytes = stackalloc byte[HashBytes + StepBatch.BlockSize * sizeof(int)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, parent.High);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], parent.Low);
        for (int i = 0; i < tokenIds.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes[(HashBytes + i * sizeof(int))..], tokenIds[i]);
        return Digest(bytes);
    }

    private static BlockHash Digest(ReadOnlySpan<byte> bytes)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes, digest);
        return new BlockHash(BinaryPrimitives.ReadUInt64LittleEndian(digest), BinaryPrimitives.ReadUInt64LittleEndian(digest[8..]));
    }
}
