using System.Runtime.InteropServices;

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
    private const int TileRows = 256;
    private const int TileColumns = 16;

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

    /// <summary>A matrix stored row after row.</summary>
    internal static TensorView RowMajor(TensorType type, nint address, int rows, int columns) => new(type, address, rows, columns, columns, 1);

    /// <summary>Bytes of the elements in memory once loaded: float16 widened to float32, all else as stored.</summary>
    public long ResidentBytes => (long)Rows * Columns * (Type == TensorType.BFloat16 ? 2 : 4);

    /// <summary>Bytes of one element.</summary>
    public int ElementSize => Type == TensorType.Float32 ? 4 : 2;

    /// <summary>Whether the elements of a row follow one another; where not, those of a column do (a transposed matrix).</summary>
    public bool IsRowMajor => ColumnStride == 1;

    /// <summary>The element at (<paramref name="row"/>, <paramref name="column"/>), widened exactly.</summary>
    public float this[int row, int column]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)column, (uint)Columns, nameof(column));
            return Widening.Read(Type, At(row, column));
        }
    }

    /// <summary>Copies row <paramref name="row"/>, widened exactly, to <paramref name="destination"/> <c>[columns]</c>.</summary>
    public void CopyRow(int row, Span<float> destination) => SliceRows(row, 1).CopyTo(destination);

    /// <summary>
    /// Copies all elements, widened exactly, to <paramref name="destination"/> <c>[rows, columns]</c>, row after row. A transposed
    /// matrix is read in tiles, so that each cache line is fetched once: prefer this, on slices of rows, to its rows one by one.
    /// </summary>
    public void CopyTo(Span<float> destination) => CopyElements(destination);

    /// <summary>Copies row <paramref name="row"/> as it is stored to <paramref name="destination"/> <c>[columns]</c>.</summary>
    /// <exception cref="InvalidOperationException">The elements are not <see cref="TensorType.BFloat16"/>.</exception>
    public void CopyRow(int row, Span<ushort> destination) => SliceRows(row, 1).CopyTo(destination);

    /// <summary>As the other one, the elements as they are stored.</summary>
    /// <exception cref="InvalidOperationException">The elements are not <see cref="TensorType.BFloat16"/>.</exception>
    public void CopyTo(Span<ushort> destination)
    {
        if (Type != TensorType.BFloat16) throw new InvalidOperationException($"{Type} is not stored as BFloat16.");
        CopyElements(destination);
    }

    private void CopyElements<T>(Span<T> destination)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, (long)Rows * Columns, nameof(destination));
        if (IsRowMajor)
        {
            for (int row = 0; row < Rows; row++) CopyRun(At(row, 0), destination.Slice(row * Columns, Columns));
        }
        else
        {
            CopyTiles(destination);
        }
    }

    /// <summary>Turns a tile at a time in a buffer of its own: whole cache lines are read and written.</summary>
    private void CopyTiles<T>(Span<T> destination)
        where T : unmanaged
    {
        Span<T> tile = stackalloc T[TileRows * TileColumns], run = stackalloc T[TileRows];
        for (int firstRow = 0; firstRow < Rows; firstRow += TileRows)
        {
            int rows = Math.Min(TileRows, Rows - firstRow);
            for (int firstColumn = 0; firstColumn < Columns; firstColumn += TileColumns)
            {
                int columns = Math.Min(TileColumns, Columns - firstColumn);
                for (int column = 0; column < columns; column++)
                {
                    CopyColumn(firstRow, firstColumn + column, run[..rows]);
                    for (int row = 0; row < rows; row++) tile[row * TileColumns + column] = run[row];
                }
                for (int row = 0; row < rows; row++)
                    tile.Slice(row * TileColumns, columns).CopyTo(destination[((firstRow + row) * Columns + firstColumn)..]);
            }
        }
    }

    private void CopyColumn<T>(int firstRow, int column, Span<T> destination)
        where T : unmanaged
    {
        if (RowStride == 1)
        {
            CopyRun(At(firstRow, column), destination);
            return;
        }
        for (int row = 0; row < destination.Length; row++) CopyRun(At(firstRow + row, column), destination.Slice(row, 1));
    }

    /// <summary>Copies elements that follow one another: widened to float32, or as they are to anything else.</summary>
    private void CopyRun<T>(byte* source, Span<T> destination)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) Widening.Copy(Type, source, MemoryMarshal.Cast<T, float>(destination));
        else new ReadOnlySpan<byte>(source, destination.Length * sizeof(T)).CopyTo(MemoryMarshal.AsBytes(destination));
    }

    private byte* At(int row, int column) => (byte*)Address + (row * RowStride + column * ColumnStride) * ElementSize;
}
