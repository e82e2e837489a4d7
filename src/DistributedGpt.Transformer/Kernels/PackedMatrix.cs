using System.Runtime.CompilerServices;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// A weight matrix <c>[rows, columns]</c> (outputs, inputs) in the layout that the kernels stream: panels of
/// <see cref="PanelRows"/> rows, inside a panel column after column, <c>[panel, column, row in panel]</c>; the last panel is filled
/// up with zero rows. A kernel broadcasts one activation per column and multiplies it with a register full of rows, so that each
/// output is one chain of fused multiply-adds over the columns in their order.
/// </summary>
internal sealed unsafe class PackedMatrix : IDisposable
{
    // Columns packed at a time: the strided side of the copy stays within the first-level cache.
    private const int ColumnBlock = 128;

    private readonly NativeBuffer _data;

    private PackedMatrix(int rows, int columns, bool isBFloat16, int panelRows)
    {
        Rows = rows;
        Columns = columns;
        IsBFloat16 = isBFloat16;
        PanelRows = panelRows;
        Panels = (rows + panelRows - 1) / panelRows;
        _data = new NativeBuffer((long)Panels * PanelBytes);
    }

    /// <summary>Number of rows: outputs.</summary>
    public int Rows { get; }

    /// <summary>Number of columns: inputs.</summary>
    public int Columns { get; }

    /// <summary>True: elements are bfloat16; false: float32.</summary>
    public bool IsBFloat16 { get; }

    /// <summary>Rows of a panel: two registers.</summary>
    public int PanelRows { get; }

    /// <summary>Number of panels.</summary>
    public int Panels { get; }

    /// <summary>Bytes of a panel.</summary>
    public long PanelBytes => (long)PanelRows * Columns * ElementSize;

    /// <summary>Resident bytes.</summary>
    public long Bytes => _data.Bytes;

    private int ElementSize => IsBFloat16 ? 2 : 4;

    /// <summary>Packs matrices of equal width, one below the other.</summary>
    /// <param name="panelRows">Rows of a panel.</param>
    /// <param name="type">Float32 or BFloat16; null: bfloat16 where every part is stored so, else float32 (which holds all of them exactly).</param>
    /// <param name="parts">The matrices, from the top.</param>
    public static PackedMatrix Pack(int panelRows, TensorType? type, params ReadOnlySpan<TensorView> parts)
    {
        int rows = 0;
        bool allBFloat16 = true;
        foreach (TensorView part in parts)
        {
            if (part.Columns != parts[0].Columns) throw new ArgumentException("The parts differ in their number of columns.", nameof(parts));
            rows = checked(rows + part.Rows);
            allBFloat16 &= part.Type == TensorType.BFloat16;
        }

        var matrix = new PackedMatrix(rows, parts[0].Columns, type is null ? allBFloat16 : type == TensorType.BFloat16, panelRows);
        int first = 0;
        foreach (TensorView part in parts)
        {
            matrix.Fill(first, part);
            first += part.Rows;
        }

        matrix.ClearRowsFrom(rows);
        return matrix;
    }

    /// <summary>The panel <paramref name="panel"/>, <c>[columns, panel_rows]</c>.</summary>
    public byte* Panel(int panel) => (byte*)_data.Address + panel * PanelBytes;

    /// <summary>Writes row <paramref name="row"/>, widened exactly, to <paramref name="destination"/> <c>[columns]</c>.</summary>
    public void CopyRow(int row, float* destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows);
        byte* panel = Panel(row / PanelRows);
        int lane = row % PanelRows;
        if (IsBFloat16)
        {
            ushort* source = (ushort*)panel + lane;
            for (int column = 0; column < Columns; column++, source += PanelRows) destination[column] = BFloat16Bits.ToSingle(*source);
        }
        else
        {
            float* source = (float*)panel + lane;
            for (int column = 0; column < Columns; column++, source += PanelRows) destination[column] = *source;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _data.Dispose();

    private void Fill(int first, TensorView part)
    {
        switch (part.Type, IsBFloat16)
        {
            case (TensorType.Float32, false):
                Fill<uint, uint, Same<uint>>(first, part);
                break;
            case (TensorType.BFloat16, true):
                Fill<ushort, ushort, Same<ushort>>(first, part);
                break;
            case (TensorType.BFloat16, false):
                Fill<ushort, float, WidenBFloat16>(first, part);
                break;
            case (TensorType.Float16, false):
                Fill<Half, float, WidenHalf>(first, part);
                break;
            case (TensorType.Float32, true):
                Fill<float, ushort, RoundSingle>(first, part);
                break;
            case (TensorType.Float16, true):
                Fill<Half, ushort, RoundHalf>(first, part);
                break;
            default:
                throw new NotSupportedException($"Weights stored as {part.Type} cannot be packed.");
        }
    }

    private void Fill<TFrom, TTo, TConvert>(int first, TensorView part)
        where TFrom : unmanaged
        where TTo : unmanaged
        where TConvert : IConvert<TFrom, TTo>
    {
        TFrom* source = (TFrom*)part.Address;
        for (int row = 0; row < part.Rows;)
        {
            int lane = (first + row) % PanelRows;
            int count = Math.Min(PanelRows - lane, part.Rows - row);
            TTo* panel = (TTo*)Panel((first + row) / PanelRows) + lane;
            TFrom* rows = source + row * part.RowStride;
            for (int begin = 0; begin < Columns; begin += ColumnBlock)
            {
                int end = Math.Min(begin + ColumnBlock, Columns);
                if (part.RowStride == 1)
                {
                    for (int column = begin; column < end; column++)
                    {
                        TFrom* from = rows + column * part.ColumnStride;
                        TTo* to = panel + (long)column * PanelRows;
                        for (int i = 0; i < count; i++) to[i] = TConvert.Convert(Unsafe.ReadUnaligned<TFrom>(from + i));
                    }
                }
                else
                {
                    for (int i = 0; i < count; i++)
                    {
                        TFrom* from = rows + i * part.RowStride;
                        TTo* to = panel + i;
                        for (int column = begin; column < end; column++)
                        {
                            to[(long)column * PanelRows] = TConvert.Convert(Unsafe.ReadUnaligned<TFrom>(from + column * part.ColumnStride));
                        }
                    }
                }
            }

            row += count;
        }
    }

    private void ClearRowsFrom(int rows)
    {
        int used = rows % PanelRows;
        if (used == 0) return;
        byte* panel = Panel(Panels - 1);
        for (int column = 0; column < Columns; column++)
        {
            new Span<byte>(panel + ((long)column * PanelRows + used) * ElementSize, (PanelRows - used) * ElementSize).Clear();
        }
    }

    private interface IConvert<TFrom, TTo>
    {
        static abstract TTo Convert(TFrom value);
    }

    private readonly struct Same<T> : IConvert<T, T>
    {
        public static T Convert(T value) => value;
    }

    private readonly struct WidenBFloat16 : IConvert<ushort, float>
    {
        public static float Convert(ushort value) => BFloat16Bits.ToSingle(value);
    }

    private readonly struct WidenHalf : IConvert<Half, float>
    {
        public static float Convert(Half value) => (float)value;
    }

    private readonly struct RoundSingle : IConvert<float, ushort>
    {
        public static ushort Convert(float value) => BFloat16Bits.FromSingle(value);
    }

    private readonly struct RoundHalf : IConvert<Half, ushort>
    {
        public static ushort Convert(Half value) => BFloat16Bits.FromSingle((float)value);
    }
}
