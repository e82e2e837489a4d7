namespace DistributedGpt.Models;

/// <summary>
/// What a decoder-only transformer is, told as data: one set of choices covers every family, and a family only says how its
/// <c>config.json</c> maps to them. Sizes count elements; <c>hidden</c> is the width of the residual stream.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>The family's name in <c>config.json</c>, such as <c>gpt2</c> or <c>llama</c>.</summary>
    public required string ModelType { get; init; }

    /// <summary>Rows of the embedding and of the logits. May exceed the tokenizer's vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Number of decoder layers.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Query heads of a layer.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Key/value heads of a layer; divides <see cref="HeadCount"/> (grouped-query attention).</summary>
    public required int KeyValueHeadCount { get; init; }

    /// <summary>Elements of one head. Not always <c>hidden / heads</c>.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Width of the MLP.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>The longest sequence, prompt and generated tokens together.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The kind of normalisation before attention, before the MLP and before the unembedding.</summary>
    public required NormKind Norm { get; init; }

    /// <summary>Added to the variance (or mean square) before the root.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Rotary position embedding; null where positions are a learned table added to the token embedding.</summary>
    public RotaryConfig? Rotary { get; init; }

    /// <summary>The MLP's activation.</summary>
    public required ActivationKind Activation { get; init; }

    /// <summary>True: <c>down(activation(gate(x)) * up(x))</c>; false: <c>down(activation(up(x)))</c>.</summary>
    public required bool GatedMlp { get; init; }

    /// <summary>Whether the query, key and value projections have biases.</summary>
    public required bool QueryKeyValueBias { get; init; }

    /// <summary>Whether attention's output projection has a bias.</summary>
    public required bool AttentionOutputBias { get; init; }

    /// <summary>Whether the MLP's projections have biases.</summary>
    public required bool MlpBias { get; init; }

    /// <summary>Whether each query and key head is normalised (RMS, weight <c>[head_size]</c>) before the rotary embedding.</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>Whether the unembedding is the token embedding.</summary>
    public required bool TiedEmbeddings { get; init; }

    /// <summary>Attention scores are multiplied by <c>head_size^-0.5</c> where true (the usual case), by 1 where false.</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>GPT-2's option to divide a layer's attention scores by its index plus one.</summary>
    public bool ScaleAttentionByInverseLayerIndex { get; init; }

    /// <summary>The type most of the weights are stored in.</summary>
    public required TensorType WeightType { get; init; }

    /// <summary>The factor on attention scores of layer <paramref name="layer"/> (from 0), before the softmax.</summary>
    public float AttentionScale(int layer) =>
        (ScaleAttention ? 1f / MathF.Sqrt(HeadSize) : 1f) / (ScaleAttentionByInverseLayerIndex ? layer + 1 : 1);

    /// <summary>The shape of a tensor outside the layers, or null where this model has none. A tied unembedding has the embedding's.</summary>
    public TensorShape? ShapeOf(ModelTensor tensor) => tensor switch
    {
        ModelTensor.TokenEmbedding or ModelTensor.Unembedding => new(VocabularySize, HiddenSize),
        ModelTensor.PositionEmbedding => Rotary is null ? new(ContextLength, HiddenSize) : null,
        ModelTensor.FinalNormWeight => TensorShape.Vector(HiddenSize),
        ModelTensor.FinalNormBias => VectorIf(Norm == NormKind.LayerNorm, HiddenSize),
        _ => throw new ArgumentOutOfRangeException(nameof(tensor)),
    };

    /// <summary>The shape of a layer's tensor (all layers are alike), or null where this model has none.</summary>
    public TensorShape? ShapeOf(LayerTensor tensor) => tensor switch
    {
        LayerTensor.AttentionNormWeight or LayerTensor.MlpNormWeight => TensorShape.Vector(HiddenSize),
        LayerTensor.AttentionNormBias or LayerTensor.MlpNormBias => VectorIf(Norm == NormKind.LayerNorm, HiddenSize),
        LayerTensor.QueryWeight => new(HeadCount * HeadSize, HiddenSize),
        LayerTensor.QueryBias => VectorIf(QueryKeyValueBias, HeadCount * HeadSize),
        LayerTensor.KeyWeight or LayerTensor.ValueWeight => new(KeyValueHeadCount * HeadSize, HiddenSize),
        LayerTensor.KeyBias or LayerTensor.ValueBias => VectorIf(QueryKeyValueBias, KeyValueHeadCount * HeadSize),
        LayerTensor.QueryNormWeight or LayerTensor.KeyNormWeight => VectorIf(QueryKeyNorm, HeadSize),
        LayerTensor.OutputWeight => new(HiddenSize, HeadCount * HeadSize),
        LayerTensor.OutputBias => VectorIf(AttentionOutputBias, HiddenSize),
        LayerTensor.GateWeight => GatedMlp ? new(IntermediateSize, HiddenSize) : null,
        LayerTensor.GateBias => VectorIf(GatedMlp && MlpBias, IntermediateSize),
        LayerTensor.UpWeight => new(IntermediateSize, HiddenSize),
        LayerTensor.UpBias => VectorIf(MlpBias, IntermediateSize),
        LayerTensor.DownWeight => new(HiddenSize, IntermediateSize),
        LayerTensor.DownBias => VectorIf(MlpBias, HiddenSize),
        _ => throw new ArgumentOutOfRangeException(nameof(tensor)),
    };

    private static TensorShape? VectorIf(bool present, int length) => present ? TensorShape.Vector(length) : null;
}
