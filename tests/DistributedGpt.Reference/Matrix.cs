using DistributedGpt.Models;

namespace DistributedGpt.Reference;

/// <summary>A matrix of doubles, read from a checkpoint element by element.</summary>
internal sealed class Matrix
{
    private readonly double[][] _rows;

    private Matrix(double[][] rows) => _rows = rows;

    public static Matrix? Read(TensorView? view)
    {
        if (view is not { } tensor) return null;
        double[][] rows = new double[tensor.Rows][];
        for (int row = 0; row < rows.Length; row++)
        {
            rows[row] = new double[tensor.Columns];
            for (int column = 0; column < tensor.Columns; column++) rows[row][column] = tensor[row, column];
        }

        return new Matrix(rows);
    }

    public double[] Row(int row) => _rows[row];

    /// <summary>The matrix times the column <paramref name="x"/>.</summary>
    public double[] Times(double[] x) => Array.ConvertAll(_rows, row => Vectors.Dot(row, x));
}
