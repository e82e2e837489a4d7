namespace DistributedGpt.Engine;

/// <summary>
/// Who uses which block of the paged KV cache, as the coordinator sees it; block ids are the same on all layers of a replica.
/// <para>A block is in one of three conditions: <b>free</b> (its content means nothing), <b>in use</b> (named by one or more block
/// tables, counted), or <b>cached</b> (in no table, but full and findable by hash). A block in use may be findable as well.</para>
/// <para>Invariants: a findable block is full and is not written until it is allocated anew, which ends its being findable; one hash
/// names at most one block; free blocks are taken before cached ones, and of those the one longest unused goes first.</para>
/// </summary>
public sealed class BlockPool
{
    private const int None = -1;

    private readonly int[] _references;
    private readonly BlockHash?[] _hashes;
    private readonly Dictionary<BlockHash, int> _byHash = [];
    private readonly List<int> _free;

    // Cached blocks in the order of their last use: a doubly linked list in two arrays; the entry at index Count is its head.
    private readonly int[] _next;
    private readonly int[] _previous;

    /// <summary>A pool whose blocks are all free.</summary>
    /// <param name="count">Number of blocks, at least one.</param>
    public BlockPool(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        _references = new int[count];
        _hashes = new BlockHash?[count];
        _free = new List<int>(count);
        for (int block = count - 1; block >= 0; block--) _free.Add(block);
        _next = new int[count + 1];
        _previous = new int[count + 1];
        _next.AsSpan().Fill(None);
        _previous.AsSpan().Fill(None);
        _next[count] = _previous[count] = count;
    }

    /// <summary>Number of blocks.</summary>
    public int Count { get; }

    /// <summary>Blocks whose content means nothing.</summary>
    public int FreeCount => _free.Count;

    /// <summary>Blocks in no table that can be found by hash, or be reused.</summary>
    public int CachedCount { get; private set; }

    /// <summary>Blocks in at least one table.</summary>
    public int InUseCount => Count - FreeCount - CachedCount;

    /// <summary>Blocks that can be allocated now: free and cached ones.</summary>
    public int AvailableCount => FreeCount + CachedCount;

    /// <summary>How many tables hold <paramref name="block"/>.</summary>
    public int ReferencesTo(int block) => _references[block];

    /// <summary>The hash under which <paramref name="block"/> can be found; null where it cannot.</summary>
    public BlockHash? HashOf(int block) => _hashes[block];

    /// <summary>Whether a block can be found under <paramref name="hash"/>.</summary>
    public bool Contains(BlockHash hash) => _byHash.ContainsKey(hash);

    /// <summary>Hands out a block for writing, with one reference; a cached block loses its hash.</summary>
    /// <exception cref="InvalidOperationException">Every block is in use.</exception>
    public int Allocate()
    {
        if (_free.Count == 0)
        {
            if (CachedCount == 0) throw new InvalidOperationException($"All {Count} blocks are in use.");
            Forget(_next[Count]);
        }
        int block = _free[^1];
        _free.RemoveAt(_free.Count - 1);
        _references[block] = 1;
        return block;
    }

    /// <summary>Adds a reference to the block with this content, if there is one.</summary>
    public bool TryShare(BlockHash hash, out int block)
    {
        if (!_byHash.TryGetValue(hash, out block)) return false;
        if (_references[block]++ == 0) Unlink(block);
        return true;
    }

    /// <summary>Takes a reference back. The last one leaves a findable block cached, any other free.</summary>
    /// <exception cref="InvalidOperationException">The block has no reference.</exception>
    public void Release(int block)
    {
        if (_references[block] == 0) throw new InvalidOperationException($"Block {block} is not in use.");
        if (--_references[block] > 0) return;
        if (_hashes[block] is null) _free.Add(block);
        else Link(block);
    }

    /// <summary>
    /// Makes a block in use findable: it is full and the step that filled it has completed. Nothing happens where another block has
    /// the same content.
    /// </summary>
    /// <exception cref="InvalidOperationException">The block is not in use, or is known under another hash.</exception>
    public void Cache(int block, BlockHash hash)
    {
        if (_references[block] == 0) throw new InvalidOperationException($"Block {block} is not in use.");
        if (_hashes[block] is { } known && known != hash)
            throw new InvalidOperationException($"Block {block} is full under another hash and must not have been written.");
        if (_byHash.TryAdd(hash, block)) _hashes[block] = hash;
    }

    /// <summary>
    /// Caches free blocks that all stages hold under these hashes: what a coordinator made anew starts with. Passes over blocks that
    /// are not free or beyond the pool (a stage may have more), and content that another block has.
    /// </summary>
    public void Adopt(IEnumerable<(int Block, BlockHash Hash)> blocks)
    {
        foreach ((int block, BlockHash hash) in blocks)
        {
            if (block >= Count || _references[block] > 0 || _hashes[block] is not null || !_byHash.TryAdd(hash, block)) continue;
            _hashes[block] = hash;
            Link(block);
        }
        _free.RemoveAll(block => _hashes[block] is not null);
    }

    /// <summary>Makes a block unfindable; a cached one becomes free.</summary>
    public void Forget(int block)
    {
        if (_hashes[block] is not { } hash) return;
        _byHash.Remove(hash);
        _hashes[block] = null;
        if (_references[block] > 0) return;
        Unlink(block);
        _free.Add(block);
    }

    /// <summary>Frees all cached blocks: a stage has lost its cache, and only blocks in use are rebuilt.</summary>
    public void ForgetUnused()
    {
        while (CachedCount > 0) Forget(_next[Count]);
    }

    private void Link(int block)
    {
        int last = _previous[Count];
        _next[last] = block;
        _previous[block] = last;
        _next[block] = Count;
        _previous[Count] = block;
        CachedCount++;
    }

    private void Unlink(int block)
    {
        _next[_previous[block]] = _next[block];
        _previous[_next[block]] = _previous[block];
        _next[block] = _previous[block] = None;
        CachedCount--;
    }
}
