namespace DistributedGpt.Models;

/// <summary>The tensors outside the layers.</summary>
public enum ModelTensor
{
    /// <summary><c>[vocabulary, hidden]</c>.</summary>
    TokenEmbedding,

    /// <summary><c>[context, hidden]</c>, where positions are learned.</summary>
    PositionEmbedding,

    /// <summary>Weight <c>[1, hidden]</c> of the norm before the unembedding.</summary>
    FinalNormWeight,

    /// <summary>Bias <c>[1, hidden]</c> of it (layer norm only).</summary>
    FinalNormBias,

    /// <summary><c>[vocabulary, hidden]</c>; the token embedding where the two are tied.</summary>
    Unembedding,
}
