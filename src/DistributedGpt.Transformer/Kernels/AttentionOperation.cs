using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// Causal attention of every row to its sequence's positions up to its own: softmax(q K^T * scale) V, head by head; several query
/// heads share a key/value head (Ainslie et al., 2023).
/// </summary>
internal unsafe struct AttentionOperation
{
    /// <summary>Queries whose scores are kept at a time, at most (a group of heads may exceed it).</summary>
    private const int MaxQueries = 24;

    private const int MaxRowsPerTile = 12;

    /// <summary><c>[rows, (heads + 2 * kv_heads) * head_size]</c>; the queries stand first.</summary>
    public float* QueryKeyValue;

    /// <summary><c>[rows, heads * head_size]</c>.</summary>
    public float* Output;

    /// <summary>Positions and blocks of the rows.</summary>
    public StepRow* Rows;

    /// <summary>The rows cut into tiles of up to <see cref="RowsPerTile"/>.</summary>
    public AttentionTile* Tiles;

    /// <summary>Number of tiles.</summary>
    public int TileCount;

    /// <summary>Query heads.</summary>
    public int Heads;

    /// <summary>The factor on scores.</summary>
    public float Scale;

    /// <summary>The cache, which holds the step's own keys and values already.</summary>
    public KvCacheLayout Cache;

    /// <summary>The longest sequence, in positions.</summary>
    public int MaxLength;

    /// <summary><see cref="ScratchFloats"/> for each worker.</summary>
    public float* Scratch;

    /// <summary>Floats from one query's scores to the next: room for two blocks at a time.</summary>
    public readonly int ScoreStride => (MaxLength + 2 * StepBatch.BlockSize - 1) / (2 * StepBatch.BlockSize) * (2 * StepBatch.BlockSize);

    /// <summary>Floats from one query's result to the next: a multiple of two registers.</summary>
    public readonly int ResultStride => (Cache.HeadSize + 31) / 32 * 32;

    /// <summary>Query heads for each key/value head.</summary>
    public readonly int Group => Heads / Cache.KeyValueHeads;

    /// <summary>Floats of a worker's queries, scores, probabilities of a block and results.</summary>
    public readonly long ScratchFloats
    {
        get
        {
            long queries = (long)RowsPerTile(Group) * Group;
            return (queries * (Cache.HeadSize + ScoreStride + ResultStride) + 6 * StepBatch.BlockSize + queries + 31) / 16 * 16;
        }
    }

    /// <summary>The number of rows in a tile, for a number of query heads per key/value head.</summary>
    public static int RowsPerTile(int group) => Math.Clamp(MaxQueries / group, 1, MaxRowsPerTile);
}
