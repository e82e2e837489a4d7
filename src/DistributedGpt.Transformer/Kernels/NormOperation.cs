using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>y = norm(x), row by row.</summary>
internal unsafe struct NormOperation
{
    /// <summary>The kind of norm.</summary>
    public NormKind Kind;

    /// <summary>Added to the variance or mean square.</summary>
    public float Epsilon;

    /// <summary><c>[hidden]</c>.</summary>
    public float* Weight;

    /// <summary><c>[hidden]</c>, for a layer norm.</summary>
    public float* Bias;

    /// <summary><c>[rows, hidden]</c>.</summary>
    public float* X;

    /// <summary><c>[rows, hidden]</c>.</summary>
    public float* Y;

    /// <summary>Number of rows.</summary>
    public int Rows;

    /// <summary>Width of a row.</summary>
    public int Hidden;
}
