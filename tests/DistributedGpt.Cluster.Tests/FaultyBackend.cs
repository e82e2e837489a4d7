using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Tests;

/// <summary>The CPU's math, except that the last layer loaded throws where the test says so.</summary>
internal sealed class FaultyBackend(Func<StepBatch, bool> throws, IComputeBackend? inner = null) : IComputeBackend
{
    private readonly IComputeBackend _inner = inner ?? ComputeBackends.Create("cpu", threads: 1, weightType: null);

    public string Device => _inner.Device;

    public string Kernels => _inner.Kernels;

    public IHiddenStates RentHiddenStates(int rows, int hidden) => _inner.RentHiddenStates(rows, hidden);

    public IEmbeddingRuntime LoadEmbedding(IModelWeights weights) => _inner.LoadEmbedding(weights);

    public ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache)
    {
        ILayerRuntime inner = _inner.LoadLayer(weights, layer, cache);
        return layer == weights.Config.LayerCount - 1 ? new FaultyLayer(inner, throws) : inner;
    }

    public IHeadRuntime LoadHead(IModelWeights weights) => _inner.LoadHead(weights);

    public void Dispose() => _inner.Dispose();

    private sealed class FaultyLayer(ILayerRuntime inner, Func<StepBatch, bool> throws) : ILayerRuntime
    {
        public long Bytes => inner.Bytes;

        public void Forward(StepBatch step, IHiddenStates x)
        {
            if (throws(step)) throw new InvalidOperationException("secret of the layer");
            inner.Forward(step, x);
        }

        public int BlockBytes => inner.BlockBytes;

        public void ReadBlock(int block, Span<byte> destination) => inner.ReadBlock(block, destination);

        public void WriteBlock(int block, ReadOnlySpan<byte> source) => inner.WriteBlock(block, source);

        public void Dispose() => inner.Dispose();
    }
}
