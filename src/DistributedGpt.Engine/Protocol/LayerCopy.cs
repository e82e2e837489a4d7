namespace DistributedGpt.Engine;

/// <summary>
/// What a migration's target has of one layer's cache: which blocks it must still take from the source, and when it has all.
/// <para>
/// Phases: while the source serves, <see cref="Missing"/> tells what to take, as often as one likes. When no step is in flight any
/// more, <see cref="Finish"/> tells what has changed since. The copy is complete when all of that has been taken. An earlier
/// <see cref="Finish"/>, while the source serves, does no harm and decides nothing: the migration is committed only after the last.
/// </para>
/// <para>
/// Invariant: a block is held under a hash only if it was read while it had that hash. A block that was reused meanwhile has
/// another, and is taken again; one without a hash is partial, and is taken anew by each <see cref="Finish"/>.
/// </para>
/// <para>
/// Crash case: a copy is nothing until the replica's record names its migration. It dies with its target, or is discarded when
/// the migration is given up.
/// </para>
/// </summary>
public sealed class LayerCopy
{
    private readonly Dictionary<int, BlockHash> _held = [];
    private HashSet<int>? _outstanding;

    /// <summary>Whether everything has been taken that the source held when no step was in flight.</summary>
    public bool IsComplete => _outstanding is { Count: 0 };

    /// <summary>The full blocks that are held, with their hashes.</summary>
    public IEnumerable<BlockFill> Blocks => _held.Select(block => new BlockFill(block.Key, block.Value));

    /// <summary>The blocks to take while the source serves.</summary>
    /// <param name="source">The source's full blocks now.</param>
    /// <returns>Those that are not held under the same hash.</returns>
    public int[] Missing(IEnumerable<BlockFill> source) => [.. source.Where(fill => !Holds(fill)).Select(fill => fill.Block)];

    /// <summary>No step is in flight any more, and none will be until the copy has become the layer or was given up: the blocks to take last.</summary>
    /// <param name="source">The source's full blocks now.</param>
    /// <param name="live">The blocks that sequences use, full and partial.</param>
    /// <returns>Those that are not held under the same hash, and those without one.</returns>
    public int[] Finish(IReadOnlyCollection<BlockFill> source, IEnumerable<int> live)
    {
        Dictionary<int, BlockHash> now = source.ToDictionary(fill => fill.Block, fill => fill.Hash);
        foreach (int block in _held.Keys.Where(block => !now.ContainsKey(block)).ToArray()) _held.Remove(block);
        _outstanding = [.. Missing(source), .. live.Where(block => !now.ContainsKey(block))];
        return [.. _outstanding.Order()];
    }

    /// <summary>A block was taken, and its checksum was right.</summary>
    /// <param name="block">The block.</param>
    /// <param name="hash">The hash that it had when it was read; null where it had none.</param>
    public void Take(int block, BlockHash? hash)
    {
        if (hash is { } known) _held[block] = known;
        else _held.Remove(block);
        _outstanding?.Remove(block);
    }

    private bool Holds(BlockFill fill) => _held.TryGetValue(fill.Block, out BlockHash hash) && hash == fill.Hash;
}
