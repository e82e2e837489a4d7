using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// The math on one device. Everything it makes is used by one thread at a time, the compute lane's, and lives on that device.
/// Loading is the exception: it may run beside a forward pass.
/// </summary>
public interface IComputeBackend : IDisposable
{
    /// <summary>The device as the user names it: <c>cpu</c> or <c>cuda:0</c>.</summary>
    string Device { get; }

    /// <summary>Names the arithmetic, with its version: silos of one plan must agree on it.</summary>
    string Kernels { get; }

    /// <summary>A buffer for the hidden states of up to <paramref name="rows"/> rows; give it back by disposing it.</summary>
    IHiddenStates RentHiddenStates(int rows, int hidden);

    /// <summary>Loads the token (and position) embedding.</summary>
    IEmbeddingRuntime LoadEmbedding(IModelWeights weights);

    /// <summary>Loads layer <paramref name="layer"/> (from 0) with an empty cache.</summary>
    ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache);

    /// <summary>Loads the final norm and the unembedding.</summary>
    IHeadRuntime LoadHead(IModelWeights weights);
}
