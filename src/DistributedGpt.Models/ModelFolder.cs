namespace DistributedGpt.Models;

/// <summary>
/// An open Hugging Face model folder: configuration and memory-mapped weights. Opening reads the headers only; a tensor's bytes
/// are touched when a view of it is read. Safe for concurrent readers.
/// </summary>
public sealed class ModelFolder : IDisposable
{
    private ModelFolder(string path, ModelConfig config)
    {
        Path = path;
        Config = config;
    }

    /// <summary>The folder's full path.</summary>
    public string Path { get; }

    /// <summary>The model's shape and arithmetic.</summary>
    public ModelConfig Config { get; }

    /// <summary>Opens the folder at <paramref name="path"/>.</summary>
    /// <exception cref="ModelFormatException">The folder is missing, malformed or of a kind that is not supported.</exception>
    public static ModelFolder Open(string path) => File.Exists(path) ? new(path, null!) : throw new NotImplementedException();

    /// <summary>The view of a tensor outside the layers, or null where this model has none.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing or of the wrong shape.</exception>
    public TensorView? Find(ModelTensor tensor) => throw new NotImplementedException();

    /// <summary>The view of a tensor of layer <paramref name="layer"/> (from 0), or null where this model has none.</summary>
    /// <exception cref="ModelFormatException">The tensor is missing or of the wrong shape.</exception>
    public TensorView? Find(int layer, LayerTensor tensor) => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
