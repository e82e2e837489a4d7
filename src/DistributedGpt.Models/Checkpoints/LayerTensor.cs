namespace DistributedGpt.Models;

/// <summary>
/// The tensors of a decoder layer. Matrices are seen as <c>[outputs, inputs]</c> whatever the checkpoint's own order is, and a
/// fused tensor is seen as its parts.
/// </summary>
public enum LayerTensor
{
    /// <summary>Weight <c>[1, hidden]</c> of the norm before attention.</summary>
    AttentionNormWeight,

    /// <summary>Bias <c>[1, hidden]</c> of the norm before attention (layer norm only).</summary>
    AttentionNormBias,

    /// <summary><c>[heads * head_size, hidden]</c>.</summary>
    QueryWeight,

    /// <summary><c>[1, heads * head_size]</c>.</summary>
    QueryBias,

    /// <summary><c>[kv_heads * head_size, hidden]</c>.</summary>
    KeyWeight,

    /// <summary><c>[1, kv_heads * head_size]</c>.</summary>
    KeyBias,

    /// <summary><c>[kv_heads * head_size, hidden]</c>.</summary>
    ValueWeight,

    /// <summary><c>[1, kv_heads * head_size]</c>.</summary>
    ValueBias,

    /// <summary><c>[1, head_size]</c>, where queries are normalised per head.</summary>
    QueryNormWeight,

    /// <summary><c>[1, head_size]</c>, where keys are normalised per head.</summary>
    KeyNormWeight,

    /// <summary><c>[hidden, heads * head_size]</c>.</summary>
    OutputWeight,

    /// <summary><c>[1, hidden]</c>.</summary>
    OutputBias,

    /// <summary>Weight <c>[1, hidden]</c> of the norm before the MLP.</summary>
    MlpNormWeight,

    /// <summary>Bias <c>[1, hidden]</c> of the norm before the MLP (layer norm only).</summary>
    MlpNormBias,

    /// <summary><c>[intermediate, hidden]</c>, of a gated MLP.</summary>
    GateWeight,

    /// <summary><c>[1, intermediate]</c>.</summary>
    GateBias,

    /// <summary><c>[intermediate, hidden]</c>.</summary>
    UpWeight,

    /// <summary><c>[1, intermediate]</c>.</summary>
    UpBias,

    /// <summary><c>[hidden, intermediate]</c>.</summary>
    DownWeight,

    /// <summary><c>[1, hidden]</c>.</summary>
    DownBias,
}
