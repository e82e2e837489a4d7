using System.Numerics;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// A layer's keys and values in blocks of <see cref="StepBatch.BlockSize"/> positions. Memory comes in slabs of several blocks, each
/// when one of its blocks is first written.
/// </summary>
internal sealed unsafe class PagedKvCache : IDisposable
{
    private const long SlabTarget = 4 << 20;

    // A kernel may read a register's width beyond a row's end; what it reads there it drops.
    private const int Slack = 256;

    private readonly NativeBuffer?[] _slabs;
    private readonly NativeBuffer _addresses;
    private KvCacheLayout _layout;

    /// <summary>An empty cache.</summary>
    /// <param name="options">Number of blocks and element type.</param>
    /// <param name="keyValueHeads">Key/value heads.</param>
    /// <param name="headSize">Elements of a head.</param>
    public PagedKvCache(KvCacheOptions options, int keyValueHeads, int headSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.Blocks);
        if (options.Type == TensorType.Float16) throw new NotSupportedException("A KV cache holds float32 or bfloat16, not float16.");
        Blocks = options.Blocks;
        IsBFloat16 = options.Type == TensorType.BFloat16;
        long blockBytes = 2L * StepBatch.BlockSize * keyValueHeads * headSize * (IsBFloat16 ? 2 : 4);
        int shift = BitOperations.Log2((ulong)Math.Max(1, SlabTarget / blockBytes));
        int slabs = (int)((Blocks + (1L << shift) - 1) >> shift);
        _slabs = new NativeBuffer?[slabs];
        _addresses = new NativeBuffer((long)slabs * sizeof(byte*));
        new Span<byte>(_addresses.Address, (int)_addresses.Bytes).Clear();
        _layout = new KvCacheLayout
        {
            Slabs = (byte**)_addresses.Address,
            SlabShift = shift,
            BlockBytes = blockBytes,
            KeyValueHeads = keyValueHeads,
            HeadSize = headSize,
        };
    }

    /// <summary>Number of blocks.</summary>
    public int Blocks { get; }

    /// <summary>True: elements are bfloat16; false: float32.</summary>
    public bool IsBFloat16 { get; }

    /// <summary>Bytes of the slabs in use.</summary>
    public long Bytes { get; private set; }

    /// <summary>What the kernels need to find a block.</summary>
    public KvCacheLayout Layout => _layout;

    /// <summary>Makes sure that block <paramref name="block"/> has memory.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such block.</exception>
    public void Touch(int block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)Blocks, nameof(block));
        int slab = block >> _layout.SlabShift;
        if (_slabs[slab] is not null) return;
        long blocks = Math.Min(1L << _layout.SlabShift, Blocks - ((long)slab << _layout.SlabShift));
        var memory = new NativeBuffer(blocks * _layout.BlockBytes + Slack);
        _slabs[slab] = memory;
        _layout.Slabs[slab] = (byte*)memory.Address;
        Bytes += memory.Bytes;
    }

    /// <summary>The bytes of block <paramref name="block"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such block.</exception>
    public Span<byte> Block(int block)
    {
        Touch(block);
        return new Span<byte>(_layout.Block(block), (int)_layout.BlockBytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (NativeBuffer? slab in _slabs) slab?.Dispose();
        _addresses.Dispose();
    }
}
