namespace DistributedGpt.Models;

/// <summary>Where a backend loads a model from: a <see cref="ModelFolder"/>, or weights made in memory by tests and benchmarks.</summary>
public interface IModelWeights
{
    /// <summary>Where the weights come from. Within a process, equal sources mean equal weights, so that what is resident can be shared.</summary>
    string Source { get; }

    /// <summary>The model's shape and arithmetic.</summary>
    ModelConfig Config { get; }

    /// <summary>The view of a tensor outside the layers, or null where this model has none.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing or of the wrong shape.</exception>
    TensorView? Find(ModelTensor tensor);

    /// <summary>The view of a tensor of layer <paramref name="layer"/> (from 0), or null where this model has none.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing or of the wrong shape.</exception>
    TensorView? Find(int layer, LayerTensor tensor);
}
