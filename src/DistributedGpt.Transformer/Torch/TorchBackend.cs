using DistributedGpt.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// The math by libtorch, on a GPU or, mostly for tests, on the CPU. Work is queued on the device and the host waits only where it
/// reads a result: once per stage, for the logits or for the hidden states that go to the next stage.
/// <para>
/// On the CPU everything is float32. On a GPU products and attention are computed in the type of the weights; the residual stream,
/// norms and logits are float32. Results do not depend on the batch in any way that matters to the text, but their bits do:
/// libtorch chooses its kernels by the shape of a batch.
/// </para>
/// <para>
/// TorchSharp's dispose scopes and inference mode belong to a thread. A forward pass opens one of each, on the compute lane's
/// thread, and nothing in it awaits; what outlives it (weights, cache, hidden states) is detached and disposed by its owner.
/// </para>
/// </summary>
public sealed class TorchBackend : IComputeBackend
{
    private readonly Device _device;
    private readonly TensorType? _weightType;

    /// <summary>Loads libtorch, if this process has not yet, and takes the device.</summary>
    /// <param name="device"><c>cpu</c>, <c>cuda</c> or <c>cuda:i</c>.</param>
    /// <param name="weightType">The type of the weights on a GPU; null: as stored.</param>
    /// <param name="library">Where libtorch comes from.</param>
    /// <exception cref="ArgumentException">There is no such kind of device.</exception>
    /// <exception cref="TorchUnavailableException">libtorch does not load, or has no such device.</exception>
    public TorchBackend(string device, TensorType? weightType = null, TorchLibraryOptions? library = null)
    {
        _weightType = weightType;
        _device = TorchDevice.Open(device, library ?? new());
        Device = _device.type == DeviceType.CUDA ? $"cuda:{_device.index}" : "cpu";
    }

    /// <inheritdoc/>
    public string Device { get; }

    /// <inheritdoc/>
    public string Kernels => $"torch-{TorchLibrary.Version}";

    /// <inheritdoc/>
    public IHiddenStates RentHiddenStates(int rows, int hidden) => new TorchHiddenStates(rows, hidden, _device);

    /// <inheritdoc/>
    public IEmbeddingRuntime LoadEmbedding(IModelWeights weights) => new TorchEmbedding(weights, Loader(weights));

    /// <inheritdoc/>
    public ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache) =>
        new TorchLayer(weights, layer, cache, Loader(weights), _device);

    /// <inheritdoc/>
    public IHeadRuntime LoadHead(IModelWeights weights) => new TorchHead(weights, Loader(weights));

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private TorchWeightLoader Loader(IModelWeights weights)
    {
        bool narrow = _device.type == DeviceType.CUDA && (_weightType ?? weights.Config.WeightType) == TensorType.BFloat16;
        return new(_device, narrow ? ScalarType.BFloat16 : ScalarType.Float32);
    }
}
