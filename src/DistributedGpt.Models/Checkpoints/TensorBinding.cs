using System.Globalization;

namespace DistributedGpt.Models;

/// <summary>
/// Binds a family's tensors to those of a checkpoint: each that the configuration asks for must be there, in a type and shape that
/// can be used, and none may be left over that the arithmetic would then ignore.
/// </summary>
internal sealed class TensorBinding
{
    /// <summary>Buffers that older exporters stored beside the weights. The leading dot matters: <c>c_attn.bias</c> is a weight.</summary>
    private static readonly string[] Buffers = [".attn.bias", ".attn.masked_bias", ".attention.bias", ".rotary_emb.inv_freq"];

    private readonly ModelConfig _config;
    private readonly Checkpoint _checkpoint;
    private readonly HashSet<string> _used = [];
    private readonly long[] _elementsOfType = new long[3];

    private TensorBinding(ModelConfig config, Checkpoint checkpoint)
    {
        _config = config;
        _checkpoint = checkpoint;
    }

    /// <summary>The tensors outside the layers.</summary>
    public Dictionary<ModelTensor, TensorView> ModelTensors { get; } = [];

    /// <summary>The tensors of the layers.</summary>
    public Dictionary<(int Layer, LayerTensor Tensor), TensorView> LayerTensors { get; } = [];

    /// <summary>The type most elements are stored in.</summary>
    public TensorType WeightType => (TensorType)Array.IndexOf(_elementsOfType, _elementsOfType.Max());

    /// <summary>Binds all tensors of a model.</summary>
    public static TensorBinding Bind(ModelFamily family, ModelConfig config, Checkpoint checkpoint)
    {
        TensorBinding binding = new(config, checkpoint);
        foreach (ModelTensor tensor in Enum.GetValues<ModelTensor>()) binding.Bind(family, tensor);
        for (int layer = 0; layer < config.LayerCount; layer++)
        {
            foreach (LayerTensor tensor in Enum.GetValues<LayerTensor>()) binding.Bind(family, layer, tensor);
        }
        binding.RefuseLeftovers(family);
        return binding;
    }

    private void Bind(ModelFamily family, ModelTensor tensor)
    {
        if (_config.ShapeOf(tensor) is not TensorShape shape) return;
        bool tied = tensor == ModelTensor.Unembedding && _config.TiedEmbeddings;
        TensorSource source = family.ModelTensors[tied ? ModelTensor.TokenEmbedding : tensor];
        ModelTensors.Add(tensor, View(source, source.Name, shape, shape, firstOutput: 0));
        if (tied) _used.Add(Checkpoint.Bare(family.ModelTensors[tensor].Name));
    }

    private void Bind(ModelFamily family, int layer, LayerTensor tensor)
    {
        if (_config.ShapeOf(tensor) is not TensorShape shape) return;
        TensorSource source = family.LayerTensors[tensor];
        int firstOutput = 0, outputs = 0;
        foreach (LayerTensor part in source.Fused)
        {
            if (part == tensor) firstOutput = outputs;
            outputs += Outputs(_config.ShapeOf(part)!.Value);
        }
        TensorShape stored = outputs == 0 ? shape : shape.IsVector ? TensorShape.Vector(outputs) : new(outputs, shape.Columns);
        string name = source.Name.Replace("*", layer.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        LayerTensors.Add((layer, tensor), View(source, name, stored, shape, firstOutput));
    }

    private static int Outputs(TensorShape shape) => shape.IsVector ? shape.Columns : shape.Rows;

    private TensorView View(TensorSource source, string name, TensorShape stored, TensorShape shape, int firstOutput)
    {
        string bare = Checkpoint.Bare(name);
        long[] expected = stored.IsVector ? [stored.Columns] : source.Transposed ? [stored.Columns, stored.Rows] : [stored.Rows, stored.Columns];
        if (!_checkpoint.Tensors.TryGetValue(bare, out StoredTensor? tensor))
            throw ModelFormatException.Of(_checkpoint.List, name, $"a tensor {StoredTensor.Describe(expected)}", "nothing");

        TensorType type = tensor.Type switch
        {
            "F32" => TensorType.Float32,
            "F16" => TensorType.Float16,
            "BF16" => TensorType.BFloat16,
            _ => throw ModelFormatException.Of(tensor.File, tensor.Name, "F32, F16 or BF16", tensor.Type),
        };
        if (!tensor.Shape.SequenceEqual(expected))
            throw ModelFormatException.Of(tensor.File, tensor.Name, StoredTensor.Describe(expected), StoredTensor.Describe(tensor.Shape));

        if (_used.Add(bare)) _elementsOfType[(int)type] += stored.Elements;
        TensorView view = TensorView.RowMajor(type, tensor.Address, stored.IsVector ? 1 : (int)expected[0], (int)expected[^1]);
        if (source.Transposed) view = view.Transpose();
        return shape.IsVector ? view.SliceColumns(firstOutput, shape.Columns) : view.SliceRows(firstOutput, shape.Rows);
    }

    private void RefuseLeftovers(ModelFamily family)
    {
        foreach ((string name, StoredTensor tensor) in _checkpoint.Tensors)
        {
            if (_used.Contains(name) || Buffers.Any(buffer => name.EndsWith(buffer, StringComparison.Ordinal))) continue;
            throw ModelFormatException.Of(
                tensor.File, tensor.Name, $"only what a {family.ModelType} model of this configuration has", $"another tensor, {tensor.Describe()}");
        }
    }
}
