using DistributedGpt.Engine;
using DistributedGpt.Models;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Token and position embedding by libtorch.</summary>
internal sealed class TorchEmbedding(IModelWeights weights, TorchWeightLoader loader) : IEmbeddingRuntime
{
    private readonly Tensor _tokens = loader.LoadMatrix(weights.Find(ModelTensor.TokenEmbedding)!.Value);
    private readonly Tensor? _positions = weights.Find(ModelTensor.PositionEmbedding) is TensorView view ? loader.LoadMatrix(view) : null;

    /// <inheritdoc/>
    public long Bytes => TorchBytes.Of(_tokens, _positions);

    /// <inheritdoc/>
    public void Forward(StepBatch step, IHiddenStates x)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        TorchHiddenStates states = (TorchHiddenStates)x;
        TorchStep prepared = states.Prepare(step);
        states.Tensor.copy_(_tokens.index_select(0, prepared.TokenIds));
        if (_positions is not null) states.Tensor.PlusInPlace(_positions.index_select(0, prepared.Positions));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tokens.Dispose();
        _positions?.Dispose();
    }
}
