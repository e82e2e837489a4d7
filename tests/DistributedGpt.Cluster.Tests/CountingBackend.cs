using System.Collections.Concurrent;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster.Tests;

/// <summary>The CPU's math; the rows that each layer computes again to rebuild its cache are counted.</summary>
internal sealed class CountingBackend(ConcurrentDictionary<int, int> rebuilt) : IComputeBackend
{
    private readonly IComputeBackend _inner = ComputeBackends.Create("cpu", threads: 1, weightType: null);

    public string Device => _inner.Device;

    public string Kernels => _inner.Kernels;

    public IHiddenStates RentHiddenStates(int rows, int hidden) => _inner.RentHiddenStates(rows, hidden);

    public IEmbeddingRuntime LoadEmbedding(IModelWeights weights) => _inner.LoadEmbedding(weights);

    public ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache) => new CountingLayer(_inner.LoadLayer(weights, layer, cache), layer, rebuilt);

    public IHeadRuntime LoadHead(IModelWeights weights) => _inner.LoadHead(weights);

    public void Dispose() => _inner.Dispose();

    private sealed class CountingLayer(ILayerRuntime inner, int layer, ConcurrentDictionary<int, int> rebuilt) : ILayerRuntime
    {
        public long Bytes => inner.Bytes;

        public void Forward(StepBatch step, IHiddenStates x)
        {
            if (step.Rebuild is not null) rebuilt.AddOrUpdate(layer, step.RowCount, (_, rows) => rows + step.RowCount);
            inner.Forward(step, x);
        }

        public int BlockBytes => inner.BlockBytes;

        public void ReadBlock(int block, Span<byte> destination) => inner.ReadBlock(block, destination);

        public void WriteBlock(int block, ReadOnlySpan<byte> source) => inner.WriteBlock(block, source);

        public void Dispose() => inner.Dispose();
    }
}
