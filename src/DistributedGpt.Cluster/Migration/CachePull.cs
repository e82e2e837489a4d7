using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>
/// Takes the caches of layers from the silos that have them, piece by piece, and writes them into a copy here. A piece whose checksum
/// is wrong is taken again, a few times.
/// </summary>
/// <param name="agents">The other silos.</param>
/// <param name="store">Guards the copy.</param>
/// <param name="copy">The copy.</param>
internal sealed class CachePull(SiloAgents agents, ReplicaStore store, ReplicaCopy copy)
{
    private const int MostTries = 3;
    private const int Rounds = 3;
    private const int AtOnce = 4;

    private static readonly System.Diagnostics.Metrics.Counter<long> s_damaged =
        ClusterTelemetry.Meter.CreateCounter<long>("dgpt.migration.refused", "{piece}", "Pieces of caches that were taken again because their checksum was wrong.");

    private readonly ReplicaKey _replica = copy.Order.Moves[0].Part.Replica;

    /// <summary>Bytes that were taken.</summary>
    public long Bytes { get; private set; }

    /// <summary>Takes the full blocks while the source serves, and again those that were reused meanwhile.</summary>
    /// <exception cref="MigrationException">The source serves no more under the epoch, or a piece cannot be had undamaged.</exception>
    public async Task TakeFullBlocksAsync()
    {
        for (int round = 0; round < Rounds; round++)
        {
            bool any = false;
            foreach (IGrouping<SiloAddress, PartCopy> source in Sources())
            {
                BlockFill[] blocks = await DescribeAsync(source, urgent: false);
                CacheBlock[] missing = [.. source.SelectMany(part => part.Cache.Missing(blocks).Select(block => Address(part, block)))];
                await TakeAsync(source.Key, [.. source], missing, atOnce: 1, urgent: false);
                any |= missing.Length > 0;
            }

            if (!any) return;
        }
    }

    /// <summary>Takes what has changed since, full and partial, when no step is in flight.</summary>
    /// <param name="live">The blocks that sequences use.</param>
    /// <exception cref="MigrationException">The source serves no more under the epoch, or a piece cannot be had undamaged.</exception>
    public Task TakeRestAsync(int[] live) => Task.WhenAll(Sources().Select(async source =>
    {
        BlockFill[] blocks = await DescribeAsync(source, urgent: true);
        CacheBlock[] rest = [.. source.SelectMany(part => part.Cache.Finish(blocks, live).Select(block => Address(part, block)))];
        await TakeAsync(source.Key, [.. source], rest, AtOnce, urgent: true);
    }));

    private IEnumerable<IGrouping<SiloAddress, PartCopy>> Sources() => copy.Parts.Where(part => part.Layer is not null).GroupBy(part => part.Move.Source);

    private static CacheBlock Address(PartCopy part, int block) => new(part.Move.Part, part.Move.Incarnation, block);

    private async Task<BlockFill[]> DescribeAsync(IGrouping<SiloAddress, PartCopy> source, bool urgent) =>
        await agents[source.Key].DescribeCache(_replica, copy.Order.Record.Epoch, [.. source.Select(part => part.Move.Incarnation)], urgent)
        ?? throw new MigrationException($"{source.Key} serves {_replica} no more under epoch {copy.Order.Record.Epoch}");

    private async Task TakeAsync(SiloAddress source, PartCopy[] parts, CacheBlock[] blocks, int atOnce, bool urgent)
    {
        if (blocks.Length == 0) return;
        Dictionary<PartKey, PartCopy> byKey = parts.ToDictionary(part => part.Move.Part);
        int perPiece = Math.Max(1, CachePiece.MostBytes / parts[0].Layer!.BlockBytes);
        foreach (CacheBlock[][] batch in blocks.Chunk(perPiece).Chunk(atOnce)) await Task.WhenAll(batch.Select(TakePieceAsync));

        async Task TakePieceAsync(CacheBlock[] wanted)
        {
            CachePiece piece = await ReadAsync(source, wanted, urgent);
            Bytes += piece.Bytes.Length;
            await store.WriteAsync(copy, [.. wanted.Select(block => (byKey[block.Layer], block.Block))], piece, urgent);
        }
    }

    private async Task<CachePiece> ReadAsync(SiloAddress source, CacheBlock[] wanted, bool urgent)
    {
        for (int attempt = 0; attempt < MostTries; attempt++)
        {
            CachePiece piece = await agents[source].ReadCache(_replica, copy.Order.Record.Epoch, wanted, urgent)
                ?? throw new MigrationException($"{source} serves {_replica} no more under epoch {copy.Order.Record.Epoch}");
            if (piece.IsIntact) return piece;
            s_damaged.Add(1);
        }

        throw new MigrationException($"what {source} sends of {_replica}'s caches arrives damaged");
    }
}
