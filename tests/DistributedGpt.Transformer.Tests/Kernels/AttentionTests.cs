using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

public sealed unsafe class AttentionTests
{
    public static TheoryData<int, int, int, TensorType> Shapes
    {
        get
        {
            var shapes = new TheoryData<int, int, int, TensorType>();
            foreach (TensorType type in (TensorType[])[TensorType.Float32, TensorType.BFloat16])
            {
                shapes.Add(1, 1, 2, type);
                shapes.Add(3, 3, 18, type);
                shapes.Add(14, 2, 64, type);
                shapes.Add(8, 1, 80, type);
                shapes.Add(30, 1, 6, type);
                shapes.Add(2, 2, 256, type);
            }

            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Attend_AnyShape_IsTheFormulaWithTheSameBits(int heads, int keyHeads, int headSize, TensorType cacheType)
    {
        // A sequence of 53 positions, of which the first 20 come in an earlier step.
        const int length = 53;
        const int cached = 20;
        const float scale = 0.4f;
        int width = (heads + 2 * keyHeads) * headSize;
        var random = new Random(headSize);
        using NativeBuffer qkv = TestKernels.Random(random, (long)length * width);
        float[][] results = [.. TestKernels.All.Select(Run)];
        for (int i = 1; i < results.Length; i++) Assert.Equal(results[0], results[i]);

        for (int position = 0; position < length; position++)
        {
            for (int head = 0; head < heads; head++)
            {
                double[] expected = Expected(position, head);
                for (int i = 0; i < headSize; i++) Assert.Equal(expected[i], results[0][(position * heads + head) * headSize + i], 2e-5);
            }
        }

        float[] Run(KernelSet kernels)
        {
            using var team = new WorkerTeam(2);
            using var layout = new StepLayout();
            using var cache = new PagedKvCache(new KvCacheOptions(9, cacheType), keyHeads, headSize);
            using var output = new NativeBuffer((long)length * heads * headSize * sizeof(float));
            Step(0, cached);
            Step(cached, length - cached);
            return TestKernels.ToArray(output, length * heads * headSize);

            void Step(int first, int count)
            {
                layout.Prepare(
                    new StepBatch
                    {
                        Epoch = 1,
                        Number = 0,
                        Sequences =
                        [
                            new StepSequence { Id = default, TokenIds = new int[count], FirstPosition = first, BlockTable = [7, 0, 3, 8] },
                        ],
                    },
                    cache,
                    AttentionOperation.RowsPerTile(heads / keyHeads));
                kernels.WriteCache(
                    team,
                    new CacheWriteOperation
                    {
                        QueryKeyValue = qkv.Floats + (long)first * width, RowCount = count, Rows = layout.Rows, Heads = heads, Cache = cache.Layout,
                    },
                    cache.IsBFloat16);
                var attention = new AttentionOperation
                {
                    QueryKeyValue = qkv.Floats + (long)first * width,
                    Output = output.Floats + (long)first * heads * headSize,
                    Rows = layout.Rows,
                    Tiles = layout.Tiles,
                    TileCount = layout.TileCount,
                    Heads = heads,
                    Scale = scale,
                    Cache = cache.Layout,
                    MaxLength = layout.MaxLength,
                };
                using var scratch = new NativeBuffer(attention.ScratchFloats * team.Threads * sizeof(float));
                attention.Scratch = scratch.Floats;
                kernels.Attend(team, attention, cache.IsBFloat16);
            }
        }

        double Cached(int position, int element)
        {
            float value = qkv.Floats[(long)position * width + element];
            return cacheType == TensorType.BFloat16 ? BFloat16Bits.ToSingle(BFloat16Bits.FromSingle(value)) : value;
        }

        double[] Expected(int position, int head)
        {
            int keys = (heads + head / (heads / keyHeads)) * headSize;
            var weights = new double[position + 1];
            for (int j = 0; j <= position; j++)
            {
                double dot = 0;
                for (int i = 0; i < headSize; i++) dot += qkv.Floats[(long)position * width + head * headSize + i] * Cached(j, keys + i);
                weights[j] = Math.Exp(dot * scale);
            }

            double sum = weights.Sum();
            var result = new double[headSize];
            for (int j = 0; j <= position; j++)
            {
                for (int i = 0; i < headSize; i++) result[i] += weights[j] / sum * Cached(j, keys + keyHeads * headSize + i);
            }

            return result;
        }
    }
}
