using System.Runtime.CompilerServices;

namespace DistributedGpt.Models;

/// <summary>
/// A matrix <c>[rows, columns]</c> (a vector is <c>[1, n]</c>) inside a memory-mapped checkpoint: nothing is read before it is
/// asked for. Strides make a transposed or sliced matrix a view like any other; the data may be unaligned. Valid only while the
/// <see cref="ModelFolder"/> that gave it is open.
/// </summary>
/// <param name="Type">How the elements are stored.</param>
/// <param name="Address">Where element (0, 0) stands.</param>
/// <param name="Rows">Number of rows; for a projection, its outputs.</param>
/// <param name="Columns">Number of columns; for a projection, its inputs.</param>
/// <param name="RowStride">Elements from one row to the next.</param>
/// <param name="ColumnStride">Elements from one column to the next.</param>
public readonly unsafe record struct TensorView(
    TensorType Type, nint Address, int Rows, int Columns, long RowStride, long ColumnStride)
{
    /// <summary>The <paramref name="count"/> rows from <paramref name="first"/> on.</summary>
    public TensorView SliceRows(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + (long)count, Rows);
        return this with { Address = Address + (nint)(first * RowStride * ElementSize), Rows = count };
    }

    /// <summary>The <paramref name="count"/> columns from <paramref name="first"/> on.</summary>
    public TensorView SliceColumns(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first + (long)count, Columns);
        return this with { Address = Address + (nint)(first * ColumnStride * ElementSize), Columns = count };
    }

    /// <summary>The same elements with rows and columns exchanged.</summary>
    public TensorView Transpose() => this with { Rows = Columns, Columns = Rows, RowStride = ColumnStride, ColumnStride = RowStride };

    /// <summary>Bytes of one element.</summary>
    public int ElementSize => Type == TensorType.Float32 ? 4 : 2;

    /// <summary>The element at (<paramref name="row"/>, <paramref name="column"/>), widened exactly.</summary>
    public float this[int row, int column]
    {
        get
        {
            byte* at = (byte*)Address + (row * RowStride + column * ColumnStride) * ElementSize;
            return Type switch
            {
                TensorType.Float32 => Unsafe.ReadUnaligned<float>(at),
                TensorType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(at) << 16),
                _ => (float)Unsafe.ReadUnaligned<Half>(at),
            };
        }
    }

    /// <summary>Copies row <paramref name="row"/>, widened exactly, to <paramref name="destination"/> <c>[columns]</c>.</summary>
    public void CopyRow(int row, Span<float> destination)
    {
        for (int column = 0; column < Columns; column++) destination[column] = this[row, column];
    }
}
