using DistributedGpt.Models;

namespace DistributedGpt.Engine;

/// <summary>What a model asks of the silos that it is planned for.</summary>
public sealed record ModelShape
{
    /// <summary>The layers, at least one.</summary>
    public required LayerShape[] Layers { get; init; }

    /// <summary>The token embedding, in the first stage.</summary>
    public required PartShape Embedding { get; init; }

    /// <summary>Final norm and unembedding, in the last stage.</summary>
    public required PartShape Head { get; init; }

    /// <summary>Bytes that a token's hidden states take on the way to the next stage.</summary>
    public required long BorderBytesPerToken { get; init; }

    /// <summary>Bytes that a stage keeps for each block of the KV cache: what it sent to the next one.</summary>
    public long BorderLogBytesPerBlock => BorderBytesPerToken * StepBatch.BlockSize;

    /// <summary>Bytes of all weights.</summary>
    public long WeightBytes => Layers.Sum(layer => layer.WeightBytes) + Embedding.WeightBytes + Head.WeightBytes;

    /// <summary>Bytes of one block of the KV cache in all layers.</summary>
    public long KvBytesPerBlock => Layers.Sum(layer => layer.KvBytesPerBlock);

    /// <summary>The shape that a configuration tells, without weights.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="weightType">The type of resident weights; float16 is widened.</param>
    /// <param name="kvType">The type of the KV cache.</param>
    public static ModelShape Of(ModelConfig config, TensorType weightType, TensorType kvType)
    {
        var counts = new ParameterCounts(config);
        long width = WidthOf(weightType);
        var layer = new LayerShape(counts.Layer.Total * width, 2L * StepBatch.BlockSize * config.KeyValueHeadCount * config.HeadSize * WidthOf(kvType));
        long unembedding = (long)config.VocabularySize * config.HiddenSize;
        return new ModelShape
        {
            Layers = [.. Enumerable.Repeat(layer, config.LayerCount)],
            Embedding = new PartShape((counts.TokenEmbedding + counts.PositionEmbedding) * width, 0),
            Head = new PartShape((counts.FinalNorm + unembedding) * width, HeadWork(config)),
            BorderBytesPerToken = (long)config.HiddenSize * sizeof(float),
        };
    }

    /// <summary>The head's time in layers: that of its weights beside a layer's.</summary>
    public static double HeadWork(ModelConfig config)
    {
        LayerParameterCounts layer = new ParameterCounts(config).Layer;
        return (double)config.VocabularySize * config.HiddenSize / (layer.Attention + layer.Mlp);
    }

    private static long WidthOf(TensorType type) => type == TensorType.BFloat16 ? 2 : 4;
}
