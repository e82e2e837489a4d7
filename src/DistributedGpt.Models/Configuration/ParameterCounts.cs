namespace DistributedGpt.Models;

/// <summary>Where a model's parameters are and what its context costs, from its configuration alone.</summary>
public sealed class ParameterCounts
{
    private readonly ModelConfig _config;

    /// <summary>Counts the parameters of <paramref name="config"/>.</summary>
    public ParameterCounts(ModelConfig config)
    {
        _config = config;
        long headWeights = (long)config.HeadSize * config.HiddenSize;
        Head = new(headWeights, headWeights, headWeights, headWeights);
        Layer = new(
            Query: Count(LayerTensor.QueryWeight),
            Key: Count(LayerTensor.KeyWeight),
            Value: Count(LayerTensor.ValueWeight),
            Output: Count(LayerTensor.OutputWeight),
            AttentionBiases: Count(LayerTensor.QueryBias, LayerTensor.KeyBias, LayerTensor.ValueBias, LayerTensor.OutputBias),
            Gate: Count(LayerTensor.GateWeight),
            Up: Count(LayerTensor.UpWeight),
            Down: Count(LayerTensor.DownWeight),
            MlpBiases: Count(LayerTensor.GateBias, LayerTensor.UpBias, LayerTensor.DownBias),
            Norms: Count(
                LayerTensor.AttentionNormWeight, LayerTensor.AttentionNormBias, LayerTensor.MlpNormWeight, LayerTensor.MlpNormBias,
                LayerTensor.QueryNormWeight, LayerTensor.KeyNormWeight));
    }

    /// <summary>Of the token embedding.</summary>
    public long TokenEmbedding => Count(ModelTensor.TokenEmbedding);

    /// <summary>Of the learned positions; 0 with rotary embedding.</summary>
    public long PositionEmbedding => Count(ModelTensor.PositionEmbedding);

    /// <summary>Of one attention head.</summary>
    public HeadParameterCounts Head { get; }

    /// <summary>Of one layer.</summary>
    public LayerParameterCounts Layer { get; }

    /// <summary>Weights of attention in all layers, without biases.</summary>
    public long Attention => _config.LayerCount * Layer.Attention;

    /// <summary>Weights of the MLP in all layers, without biases.</summary>
    public long Mlp => _config.LayerCount * Layer.Mlp;

    /// <summary>Of the norm before the unembedding.</summary>
    public long FinalNorm => Count(ModelTensor.FinalNormWeight) + Count(ModelTensor.FinalNormBias);

    /// <summary>Of the unembedding; 0 where it is tied to the embedding.</summary>
    public long Unembedding => _config.TiedEmbeddings ? 0 : Count(ModelTensor.Unembedding);

    /// <summary>All parameters of the model.</summary>
    public long Total => TokenEmbedding + PositionEmbedding + _config.LayerCount * Layer.Total + FinalNorm + Unembedding;

    /// <summary>Bytes of all parameters stored in <paramref name="type"/>.</summary>
    public long Bytes(TensorType type) => Total * (type == TensorType.Float32 ? 4 : 2);

    /// <summary>Bytes that one token takes in the KV cache of all layers, its values stored in <paramref name="type"/>.</summary>
    public long KeyValueBytesPerToken(TensorType type) =>
        2L * _config.LayerCount * _config.KeyValueHeadCount * _config.HeadSize * (type == TensorType.Float32 ? 4 : 2);

    /// <summary>
    /// Multiply-adds of attention over a prompt of <paramref name="tokens"/> in all layers, projections apart: each of a token's heads
    /// takes a product with every key up to its own and a sum over as many values, so the cost grows with the square.
    /// </summary>
    public UInt128 AttentionMultiplyAdds(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        UInt128 visibleKeys = (UInt128)tokens * ((UInt128)tokens + 1) / 2;
        return visibleKeys * 2 * (UInt128)_config.LayerCount * (UInt128)_config.HeadCount * (UInt128)_config.HeadSize;
    }

    /// <summary>Multiply-adds of one token in all matrices of the layers and the unembedding: the part that does not grow with the context.</summary>
    public long MatrixMultiplyAddsPerToken => Attention + Mlp + Count(ModelTensor.Unembedding);

    private long Count(ModelTensor tensor) => _config.ShapeOf(tensor)?.Elements ?? 0;

    private long Count(params ReadOnlySpan<LayerTensor> tensors)
    {
        long count = 0;
        foreach (LayerTensor tensor in tensors) count += _config.ShapeOf(tensor)?.Elements ?? 0;
        return count;
    }
}
