using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster.Tests;

/// <summary>The CPU's math, except that each loading of a head asks the test first: it may wait or throw.</summary>
internal sealed class LoadingBackend(Action beforeHead) : IComputeBackend
{
    private readonly IComputeBackend _inner = ComputeBackends.Create("cpu", threads: 1, weightType: null);

    public string Device => _inner.Device;

    public string Kernels => _inner.Kernels;

    public IHiddenStates RentHiddenStates(int rows, int hidden) => _inner.RentHiddenStates(rows, hidden);

    public IEmbeddingRuntime LoadEmbedding(IModelWeights weights) => _inner.LoadEmbedding(weights);

    public ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache) => _inner.LoadLayer(weights, layer, cache);

    public IHeadRuntime LoadHead(IModelWeights weights)
    {
        beforeHead();
        return _inner.LoadHead(weights);
    }

    public void Dispose() => _inner.Dispose();
}
