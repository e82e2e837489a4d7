using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

public sealed class AllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Decode_OfSequences_AllocatesNothingButItsTokens(int sequences)
    {
        var weights = new RandomWeights(OddShapes.Llama);
        using var backend = new CpuBackend(new CpuBackendOptions { Threads = 2 });
        using IEmbeddingRuntime embedding = backend.LoadEmbedding(weights);
        using ILayerRuntime layer = backend.LoadLayer(weights, 0, new KvCacheOptions(64, TensorType.Float32));
        using IHeadRuntime head = backend.LoadHead(weights);
        int[] ids = [.. Enumerable.Range(0, 60)];
        StepBatch[] steps = [.. Enumerable.Range(0, 60).Select(position => new StepBatch
        {
            Epoch = 1,
            Number = position,
            Sequences = [.. Enumerable.Range(0, sequences).Select(lane => Rows.Of(ids, position, position + 1, lane, new SamplingOptions()))],
        })];

        // The first steps compile, and grow the buffers to the sequence's length.
        for (int i = 0; i < 40; i++) Run(steps[i]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 40; i < 60; i++) Run(steps[i]);
        long perStep = (GC.GetAllocatedBytesForCurrentThread() - before) / 20;

        // The array and a record of at most 64 bytes for each token.
        Assert.InRange(perStep, 0, 32 + sequences * (64 + 8));

        void Run(StepBatch step)
        {
            using IHiddenStates x = backend.RentHiddenStates(step.RowCount, weights.Config.HiddenSize);
            embedding.Forward(step, x);
            layer.Forward(step, x);
            head.Forward(step, x);
        }
    }
}
