namespace DistributedGpt.Models;

/// <summary>The shape of a weight as the kernels see it: a matrix <c>[rows, columns]</c>, or a vector <c>[1, columns]</c>.</summary>
/// <param name="Rows">Number of rows; for a projection, its outputs.</param>
/// <param name="Columns">Number of columns; for a projection, its inputs.</param>
/// <param name="IsVector">Whether a checkpoint stores it with one dimension.</param>
public readonly record struct TensorShape(int Rows, int Columns, bool IsVector = false)
{
    /// <summary>Number of elements.</summary>
    public long Elements => (long)Rows * Columns;

    /// <summary>A vector of <paramref name="length"/> elements.</summary>
    public static TensorShape Vector(int length) => new(1, length, IsVector: true);
}
