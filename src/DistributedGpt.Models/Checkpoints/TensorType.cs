namespace DistributedGpt.Models;

/// <summary>The types in which a checkpoint may store weights that this engine computes with.</summary>
public enum TensorType
{
    /// <summary>IEEE single precision, 4 bytes.</summary>
    Float32,

    /// <summary>IEEE half precision, 2 bytes; widened to <see cref="Float32"/> when loaded.</summary>
    Float16,

    /// <summary>The upper half of a single, 2 bytes.</summary>
    BFloat16,
}
