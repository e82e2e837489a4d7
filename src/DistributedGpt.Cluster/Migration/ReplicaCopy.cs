using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// What a migration copies to this silo. It belongs to the migration until the replica's record names that; then its parts become
/// parts of the replica, each when it is loaded. The <see cref="ReplicaStore"/> guards it: when it is read and written, and when it
/// is no copy any more.
/// </summary>
/// <param name="order">What is copied.</param>
internal sealed class ReplicaCopy(CopyOrder order)
{
    private readonly List<PartCopy> _parts = [];
    private readonly HashSet<PartKey> _taken = [];

    /// <summary>What is copied.</summary>
    public CopyOrder Order => order;

    /// <summary>The copies whose weights are loaded.</summary>
    public IReadOnlyList<PartCopy> Parts => _parts;

    /// <summary>Those that are nobody's but the migration's.</summary>
    public IEnumerable<LoadedPart> Own => _parts.Where(copy => !_taken.Contains(copy.Move.Part)).Select(copy => copy.Part);

    /// <summary>Whether everything was copied, weights and caches.</summary>
    public bool IsComplete => _parts.Count == order.Moves.Length && _parts.TrueForAll(copy => copy.IsComplete);

    /// <summary>Whether its migration began before the one of that number and epoch.</summary>
    public bool IsBefore(long epoch, int migration) => order.Record.Epoch < epoch || order.Number < migration;

    /// <summary>A part's weights are loaded.</summary>
    public void Add(PartCopy part) => _parts.Add(part);

    /// <summary>Gives a part of a complete copy to the replica.</summary>
    /// <returns>The copy and the full blocks that it holds, with their hashes; null where the part is not among these, or not all is complete.</returns>
    public (LoadedPart Part, BlockFill[] Blocks)? Take(PartKey key)
    {
        if (!IsComplete || _parts.Find(copy => copy.Move.Part == key) is not { } found || !_taken.Add(key)) return null;

        // Embedding and head have no cache and must not be in the way of what the layer beside them holds, which comes with them.
        PartCopy layer = found.Layer is not null ? found : _parts.Where(copy => copy.Layer is not null).MinBy(copy => Math.Abs(copy.Move.Part.Layer - Beside(key)))!;
        return (found.Part, [.. layer.Cache.Blocks]);
    }

    private static int Beside(PartKey key) => key.Kind == PartKind.Head ? int.MaxValue : 0;
}
