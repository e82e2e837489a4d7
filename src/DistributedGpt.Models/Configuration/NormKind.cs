namespace DistributedGpt.Models;

/// <summary>How rows are normalised.</summary>
public enum NormKind
{
    /// <summary>(x - mean) / sqrt(variance + epsilon) * weight + bias.</summary>
    LayerNorm,

    /// <summary>x / sqrt(mean(x^2) + epsilon) * weight.</summary>
    RmsNorm,
}
