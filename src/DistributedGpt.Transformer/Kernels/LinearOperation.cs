namespace DistributedGpt.Transformer;

/// <summary>y = epilogue(x W^T + bias), or of two products for a gated MLP.</summary>
internal unsafe struct LinearOperation
{
    /// <summary>Token tiles of <c>[tokens, columns]</c>, see <see cref="PackWork"/>.</summary>
    public float* X;

    /// <summary>Number of tokens.</summary>
    public int Tokens;

    /// <summary>Inputs.</summary>
    public int Columns;

    /// <summary>Outputs.</summary>
    public int Rows;

    /// <summary>The panels of the weights <c>[rows, columns]</c>; for a gated MLP the gate's.</summary>
    public byte* Weight;

    /// <summary><c>[rows]</c>, or null.</summary>
    public float* Bias;

    /// <summary>For a gated MLP: the panels of the up projection.</summary>
    public byte* UpWeight;

    /// <summary>For a gated MLP: the bias <c>[rows]</c> of the up projection, or null.</summary>
    public float* UpBias;

    /// <summary>What to do with the product.</summary>
    public LinearEpilogue Epilogue;

    /// <summary><c>[tokens, y_stride]</c>.</summary>
    public float* Y;

    /// <summary>Floats from one token's outputs to the next.</summary>
    public int YStride;

    /// <summary><see cref="AccumulatorFloats"/> for each worker.</summary>
    public float* Accumulators;

    /// <summary>Floats of a worker's accumulators: they stay in the second-level cache.</summary>
    public const int AccumulatorFloats = 32 * 1024;

    /// <summary>Whether there are two products.</summary>
    public readonly bool Gated => Epilogue is LinearEpilogue.GatedGeluTanh or LinearEpilogue.GatedSilu;
}
