using System.Runtime.CompilerServices;
using DistributedGpt.Engine;

namespace DistributedGpt.Transformer;

/// <summary>A <see cref="CacheWriteOperation"/> by threads: an item is a row.</summary>
internal readonly unsafe struct CacheWriteWork<TSimd, V, TElement>(CacheWriteOperation operation) : IWork
    where TSimd : ISimd<V>
    where V : unmanaged
    where TElement : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(int item, int worker)
    {
        int headSize = operation.Cache.HeadSize;
        int keyHeads = operation.Cache.KeyValueHeads;
        StepRow row = operation.Rows[item];
        float* queries = operation.QueryKeyValue + (long)item * (operation.Heads + 2 * keyHeads) * headSize;
        float* keys = queries + (long)operation.Heads * headSize;
        float* values = keys + (long)keyHeads * headSize;
        for (int head = 0; head < operation.Heads; head++) NormAndRotate(queries + head * headSize, operation.QueryNorm, row.Position);
        for (int head = 0; head < keyHeads; head++) NormAndRotate(keys + head * headSize, operation.KeyNorm, row.Position);

        int block = row.Blocks[row.Position / StepBatch.BlockSize];
        int slot = row.Position % StepBatch.BlockSize;
        for (int head = 0; head < keyHeads; head++)
        {
            TElement* key = operation.Cache.Keys<TElement>(block, head) + slot;                     // [head_size, 16], one column
            TElement* value = operation.Cache.Values<TElement>(block, head) + slot * headSize;      // [16, head_size], one row
            for (int i = 0; i < headSize; i++)
            {
                Store(keys[head * headSize + i], key + i * StepBatch.BlockSize);
                Store(values[head * headSize + i], value + i);
            }
        }
    }

    private void NormAndRotate(float* head, float* norm, int position)
    {
        int size = operation.Cache.HeadSize;
        if (norm != null) RowKernel<TSimd, V>.RmsNorm(head, norm, operation.NormEpsilon, head, size);
        if (operation.Cosines == null) return;
        long angles = (long)position * (size / 2);
        RowKernel<TSimd, V>.Rotate(head, operation.Cosines + angles, operation.Sines + angles, size / 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float value, TElement* destination)
    {
        if (typeof(TElement) == typeof(float)) *(float*)destination = value;
        else *(ushort*)destination = BFloat16Bits.FromSingle(value);
    }
}
