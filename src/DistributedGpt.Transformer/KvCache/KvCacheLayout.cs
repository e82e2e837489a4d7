using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// Where a block of a paged KV cache stands and what it looks like, as the kernels see it: <c>[K|V, kv_head]</c> parts of
/// 16 positions by <c>head_size</c>. Keys stand as <c>[head_size, 16]</c>, so that the scores of 16 positions fall into the lanes of a
/// register; values as <c>[16, head_size]</c>, so that the elements of a head do. A block is one run of bytes, the same on every machine.
/// </summary>
internal unsafe struct KvCacheLayout
{
    /// <summary>The slabs' addresses.</summary>
    public byte** Slabs;

    /// <summary>A slab holds 2^<see cref="SlabShift"/> blocks.</summary>
    public int SlabShift;

    /// <summary>Bytes of a block.</summary>
    public long BlockBytes;

    /// <summary>Key/value heads.</summary>
    public int KeyValueHeads;

    /// <summary>Elements of a head.</summary>
    public int HeadSize;

    /// <summary>Elements of one head's keys (or values) in a block.</summary>
    public readonly int PartElements => StepBatch.BlockSize * HeadSize;

    /// <summary>The keys <c>[head_size, 16]</c> of head <paramref name="head"/> in block <paramref name="block"/>.</summary>
    public readonly TElement* Keys<TElement>(int block, int head)
        where TElement : unmanaged => (TElement*)Block(block) + (long)head * PartElements;

    /// <summary>The values <c>[16, head_size]</c> of head <paramref name="head"/> in block <paramref name="block"/>.</summary>
    public readonly TElement* Values<TElement>(int block, int head)
        where TElement : unmanaged => (TElement*)Block(block) + (long)(KeyValueHeads + head) * PartElements;

    /// <summary>The first byte of block <paramref name="block"/>.</summary>
    public readonly byte* Block(int block) => Slabs[block >> SlabShift] + (block & ((1 << SlabShift) - 1)) * BlockBytes;
}
