using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>The size and type of a layer's KV cache.</summary>
/// <param name="Blocks">Number of blocks of <see cref="StepBatch.BlockSize"/> positions.</param>
/// <param name="Type"><see cref="TensorType.Float32"/> or <see cref="TensorType.BFloat16"/>.</param>
public sealed record KvCacheOptions(int Blocks, TensorType Type = TensorType.Float32)
{
    /// <summary>Bytes of one layer's cache: keys and values of every position of every block.</summary>
    public long BytesFor(ModelConfig config) =>
        2L * Blocks * StepBatch.BlockSize * config.KeyValueHeadCount * config.HeadSize * (Type == TensorType.Float32 ? 4 : 2);
}
