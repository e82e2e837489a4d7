using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster;

/// <summary>What a part will occupy, from headers alone.</summary>
internal static class PartBytes
{
    /// <summary>Bytes of the part's weights and, for a layer, of its cache.</summary>
    public static long Of(PartKey key, ModelFolder folder, KvCacheOptions cache, TensorType? weightType) => key.Kind switch
    {
        PartKind.Embedding => Scale(folder.WeightBytes(ModelTensor.TokenEmbedding) + folder.WeightBytes(ModelTensor.PositionEmbedding), folder, weightType),
        PartKind.Head => Scale(
            folder.WeightBytes(ModelTensor.FinalNormWeight) + folder.WeightBytes(ModelTensor.FinalNormBias) + folder.WeightBytes(ModelTensor.Unembedding), folder, weightType),
        _ => Scale(folder.WeightBytes(key.Layer), folder, weightType) + cache.BytesFor(folder.Config),
    };

    /// <summary>A silo's bytes of weights for one byte of the model's, by the type that it keeps them in.</summary>
    public static double Factor(ModelFolder folder, TensorType? weightType)
    {
        bool half = folder.Config.WeightType == TensorType.BFloat16;
        return weightType switch
        {
            TensorType.Float32 when half => 2,
            TensorType.BFloat16 when !half => 0.5,
            _ => 1,
        };
    }

    private static long Scale(long bytes, ModelFolder folder, TensorType? weightType) => (long)(bytes * Factor(folder, weightType));
}
