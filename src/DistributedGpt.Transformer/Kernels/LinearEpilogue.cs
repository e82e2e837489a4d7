namespace DistributedGpt.Transformer;

/// <summary>What happens to a product before it is written.</summary>
internal enum LinearEpilogue
{
    /// <summary>y = product.</summary>
    Store,

    /// <summary>y = y + product: a residual connection.</summary>
    Add,

    /// <summary>y = gelu(product).</summary>
    GeluTanh,

    /// <summary>y = silu(product).</summary>
    Silu,

    /// <summary>y = gelu(first product) * second product.</summary>
    GatedGeluTanh,

    /// <summary>y = silu(first product) * second product.</summary>
    GatedSilu,
}
