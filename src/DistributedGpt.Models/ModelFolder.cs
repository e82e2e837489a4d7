namespace DistributedGpt.Models;

/// <summary>
/// An open Hugging Face model folder: configuration and memory-mapped weights. Opening reads configuration and headers, and checks
/// that every tensor of the model is there in a type and shape that can be used; a tensor's bytes are touched when a view of it is
/// read. Safe for concurrent readers.
/// </summary>
public sealed class ModelFolder : IModelWeights, IDisposable
{
    private const string ConfigFile = "config.json";

    private readonly string _configuration;
    private readonly Checkpoint _checkpoint;
    private readonly Dictionary<ModelTensor, TensorView> _modelTensors;
    private readonly Dictionary<(int Layer, LayerTensor Tensor), TensorView> _layerTensors;
    private bool _disposed;

    private ModelFolder(
        string path, string configuration, ModelConfig config, GenerationDefaults generation, Checkpoint checkpoint, TensorBinding binding)
    {
        _configuration = configuration;
        Path = path;
        Config = config;
        Generation = generation;
        _checkpoint = checkpoint;
        _modelTensors = binding.ModelTensors;
        _layerTensors = binding.LayerTensors;
    }

    /// <summary>The folder's full path.</summary>
    public string Path { get; }

    string IModelWeights.Source => Path;

    /// <summary>The model's shape and arithmetic.</summary>
    public ModelConfig Config { get; }

    /// <summary>What the folder says about sampling, and where a text ends.</summary>
    public GenerationDefaults Generation { get; }

    /// <summary>The names of the weight files that are read, within the folder.</summary>
    public IReadOnlyList<string> WeightFiles => [.. _checkpoint.Files.Select(file => file.Name)];

    /// <summary>What a user should know about how the folder was read, a line each; usually none.</summary>
    public IReadOnlyList<string> Notes => _checkpoint.Notes;

    /// <summary>Opens the folder at <paramref name="path"/>.</summary>
    /// <exception cref="ModelFormatException">The folder is missing, malformed or of a kind that is not supported.</exception>
    public static ModelFolder Open(string path)
    {
        if (!Directory.Exists(path))
            throw ModelFormatException.Of(path, "folder", "a model folder", File.Exists(path) ? "a file" : "nothing");
        string folder = System.IO.Path.GetFullPath(path);
        ConfigSection section = JsonFile.Read(folder, ConfigFile);
        ModelFamily family = FamilyOf(section);
        ModelConfig config = family.ReadConfig(section);
        GenerationDefaults generation = GenerationDefaults.Read(folder, section, config);
        Checkpoint checkpoint = Checkpoint.Open(folder);
        try
        {
            TensorBinding binding = TensorBinding.Bind(family, config, checkpoint);
            ModelConfig typed = config with { WeightType = binding.WeightType };
            return new(folder, section.Element.GetRawText(), typed, generation, checkpoint, binding);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The bytes of the folder's <c>tokenizer.json</c>, to be parsed by <see cref="Tokenizer.Parse"/>.</summary>
    /// <exception cref="ModelFormatException">It is missing, empty, too large or cannot be read.</exception>
    public byte[] ReadTokenizerFile() => JsonFile.ReadBytes(Path, TokenizerFile.Name);

    /// <summary>Reads a <c>config.json</c> alone, without weights beside it.</summary>
    /// <exception cref="ModelFormatException">It is missing, malformed or of a kind that is not supported.</exception>
    public static ModelConfig ReadConfig(string path)
    {
        string file = System.IO.Path.GetFullPath(path);
        ConfigSection section = JsonFile.Read(System.IO.Path.GetDirectoryName(file) ?? file, System.IO.Path.GetFileName(file));
        return FamilyOf(section).ReadConfig(section);
    }

    /// <summary>The view of a tensor outside the layers, or null where this model has none.</summary>
    public TensorView? Find(ModelTensor tensor)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _modelTensors.TryGetValue(tensor, out TensorView view) ? view : null;
    }

    /// <summary>The view of a tensor of layer <paramref name="layer"/> (from 0), or null where this model has none.</summary>
    public TensorView? Find(int layer, LayerTensor tensor)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(layer);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(layer, Config.LayerCount);
        return _layerTensors.TryGetValue((layer, tensor), out TensorView view) ? view : null;
    }

    /// <summary>Bytes of layer <paramref name="layer"/>'s weights in memory: float16 widened to float32, all else as stored.</summary>
    public long WeightBytes(int layer) => Enum.GetValues<LayerTensor>().Sum(tensor => Find(layer, tensor)?.ResidentBytes ?? 0);

    /// <summary>Bytes of a tensor outside the layers in memory, 0 where this model has none; a tied unembedding is the embedding again.</summary>
    public long WeightBytes(ModelTensor tensor) => Find(tensor)?.ResidentBytes ?? 0;

    /// <summary>Bytes of all weights in memory, a tied unembedding counted once.</summary>
    public long TotalWeightBytes =>
        Enumerable.Range(0, Config.LayerCount).Sum(WeightBytes)
        + Enum.GetValues<ModelTensor>().Where(tensor => tensor != ModelTensor.Unembedding || !Config.TiedEmbeddings).Sum(WeightBytes);

    /// <summary>
    /// What identifies this model among silos. Reads all weight files once, on all cores; their hashes are then kept in the user's
    /// cache directory by path, time and size.
    /// </summary>
    /// <param name="kernelsVersion">The version of the kernels that compute with the weights.</param>
    /// <param name="progress">Told how many more bytes are read, from several threads.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelFormatException">A file cannot be read.</exception>
    public Task<ModelFingerprint> FingerprintAsync(
        string kernelsVersion, IProgress<long>? progress = null, CancellationToken cancellation = default) =>
        FingerprintAsync(kernelsVersion, FileHashCache.OfUser, progress, cancellation);

    /// <summary>As the public one, with a cache of choice.</summary>
    internal Task<ModelFingerprint> FingerprintAsync(
        string kernelsVersion, FileHashCache cache, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return FingerprintComputation.ComputeAsync(_configuration, _checkpoint.Files, kernelsVersion, cache, progress, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _checkpoint.Dispose();
    }

    private static ModelFamily FamilyOf(ConfigSection config)
    {
        ModelFamily family = config.Choice("model_type", ModelFamily.All);
        CommonFields.RefuseForeign(config);
        return family;
    }
}
