using System.Runtime.CompilerServices;
using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>
/// An <see cref="AttentionOperation"/> by threads. An item is a tile of rows with the query heads of one key/value head. All scores of
/// a query are computed, then its softmax, then the sum of values: every score is a chain over the head's elements, every element of
/// the result a chain over the positions from 0 on, so neither depends on which queries share the tile or how a prompt was cut.
/// </summary>
internal readonly unsafe struct AttentionWork<TSimd, V, TElement>(AttentionOperation operation) : IWork
    where TSimd : ISimd<V>
    where V : unmanaged
    where TElement : unmanaged
{
    private const int Block = StepBatch.BlockSize;

    /// <summary>Number of items.</summary>
    public int Items => operation.TileCount * operation.Cache.KeyValueHeads;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(int item, int worker)
    {
        int keyHead = item % operation.Cache.KeyValueHeads;

        // The last rows of a prompt see most positions: begin with them.
        AttentionTile tile = operation.Tiles[operation.TileCount - 1 - item / operation.Cache.KeyValueHeads];
        int headSize = operation.Cache.HeadSize;
        int group = operation.Group;
        int queries = tile.Rows * group;
        int length = operation.Rows[tile.FirstRow].Position + tile.Rows;
        int* blocks = operation.Rows[tile.FirstRow].Blocks;

        float* q = operation.Scratch + worker * operation.ScratchFloats;        // tiles [head_size, queries]
        float* scores = q + (long)queries * headSize;                           // [queries, score_stride]
        float* p = scores + (long)queries * operation.ScoreStride;              // [16, queries of a tile]
        float* results = p + TileKernel<TSimd, V, TElement>.MaxTokens * Block;  // [queries, result_stride]
        float* weights = results + (long)queries * operation.ResultStride;      // [queries]

        PackQueries(tile, keyHead, q);
        Score(blocks, keyHead, length, queries, q, scores);
        for (int i = 0; i < queries; i++)
        {
            weights[i] = RowKernel<TSimd, V>.Softmax(scores + (long)i * operation.ScoreStride, LengthOf(tile, i));
        }

        Mix(tile, blocks, keyHead, length, queries, scores, p, results);
        for (int i = 0; i < queries; i++)
        {
            float* output = operation.Output + ((long)(tile.FirstRow + i / group) * operation.Heads + keyHead * group + i % group) * headSize;
            RowKernel<TSimd, V>.Scale(results + (long)i * operation.ResultStride, weights[i], output, headSize);
        }
    }

    // Queries stand row after row, a row's heads side by side.
    private static int TileAt(int first, int queries) => (queries - first) switch
    {
        >= 12 or 6 => 6,
        >= 4 => 4,
        >= 2 => 2,
        _ => 1,
    };

    private int LengthOf(AttentionTile tile, int query) => operation.Rows[tile.FirstRow].Position + query / operation.Group + 1;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackQueries(AttentionTile tile, int keyHead, float* q)
    {
        int headSize = operation.Cache.HeadSize;
        int group = operation.Group;
        int queries = tile.Rows * group;
        long rowStride = (long)(operation.Heads + 2 * operation.Cache.KeyValueHeads) * headSize;
        for (int first = 0; first < queries;)
        {
            int count = TileAt(first, queries);
            float* to = q + (long)first * headSize;
            for (int t = 0; t < count; t++)
            {
                int query = first + t;
                float* from = operation.QueryKeyValue + (tile.FirstRow + query / group) * rowStride
                    + (keyHead * group + query % group) * headSize;
                for (int i = 0; i < headSize; i++) to[i * count + t] = from[i] * operation.Scale;
            }

            first += count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Score(int* blocks, int keyHead, int length, int queries, float* q, float* scores)
    {
        int headSize = operation.Cache.HeadSize;
        int stride = operation.ScoreStride;
        int blockCount = (length + Block - 1) / Block;
        for (int b = 0; b < blockCount; b++)
        {
            TElement* keys = operation.Cache.Keys<TElement>(blocks[b], keyHead);    // [head_size, 16]
            TElement* second = keys + TSimd.Lanes;
            if (TSimd.Lanes == Block)
            {
                // A register holds a whole block: take two blocks, or the last one twice.
                second = b + 1 < blockCount ? operation.Cache.Keys<TElement>(blocks[b + 1], keyHead) : keys;
            }

            for (int first = 0; first < queries;)
            {
                int count = TileAt(first, queries);
                float* y = scores + (long)first * stride + b * Block;
                for (int lane = 0; lane < Block; lane += 2 * TSimd.Lanes)
                {
                    TileKernel<TSimd, V, TElement>.Multiply(
                        count, keys + lane, second + lane, Block, q + (long)first * headSize, headSize,
                        y + lane, y + lane + TSimd.Lanes, stride, fresh: true);
                }

                first += count;
            }

            if (TSimd.Lanes == Block) b++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Mix(AttentionTile tile, int* blocks, int keyHead, int length, int queries, float* scores, float* p, float* results)
    {
        int stride = operation.ScoreStride;
        for (int b = 0; b * Block < length; b++)
        {
            TElement* values = operation.Cache.Values<TElement>(blocks[b], keyHead);    // [16, head_size]
            for (int first = 0; first < queries;)
            {
                int count = TileAt(first, queries);
                float* y = results + (long)first * operation.ResultStride;

                // Positions that all queries of the tile see, then those that only its later rows see.
                int common = Math.Clamp(LengthOf(tile, first) - b * Block, 0, Block);
                if (common > 0)
                {
                    float* s = scores + (long)first * stride + b * Block;
                    for (int t = 0; t < count; t++)
                    {
                        for (int j = 0; j < common; j++) p[j * count + t] = s[t * stride + j];
                    }

                    MixTile(count, values, p, common, y, fresh: b == 0);
                }

                for (int t = 0; t < count; t++)
                {
                    int own = Math.Clamp(LengthOf(tile, first + t) - b * Block, 0, Block);
                    if (own <= common) continue;
                    float* s = scores + (long)(first + t) * stride + b * Block;
                    MixTile(
                        1, values + common * operation.Cache.HeadSize, s + common, own - common, y + t * operation.ResultStride, fresh: false);
                }

                first += count;
            }
        }
    }

    private void MixTile(int count, TElement* values, float* p, int positions, float* y, bool fresh)
    {
        for (int i = 0; i < operation.Cache.HeadSize; i += 2 * TSimd.Lanes)
        {
            TileKernel<TSimd, V, TElement>.Multiply(
                count, values + i, values + i + TSimd.Lanes, operation.Cache.HeadSize, p, positions,
                y + i, y + i + TSimd.Lanes, operation.ResultStride, fresh);
        }
    }
}
