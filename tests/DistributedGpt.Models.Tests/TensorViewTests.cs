using System.Buffers.Binary;

namespace DistributedGpt.Models.Tests;

public sealed unsafe class TensorViewTests
{
    [Fact]
    public void CopyTo_EveryHalf_WidensAsDotNetDoes() => AssertAllWidened(TensorType.Float16, bits => (float)BitConverter.UInt16BitsToHalf(bits));

    [Fact]
    public void CopyTo_EveryBFloat16_BecomesTheUpperHalf() =>
        AssertAllWidened(TensorType.BFloat16, bits => BitConverter.UInt32BitsToSingle((uint)bits << 16));

    [Theory]
    [InlineData(TensorType.Float32)]
    [InlineData(TensorType.Float16)]
    [InlineData(TensorType.BFloat16)]
    public void CopyTo_SlicedAndTransposedUnaligned_GivesTheIndexedElements(TensorType type)
    {
        const int rows = 150, columns = 83;
        int size = type == TensorType.Float32 ? 4 : 2;
        byte[] bytes = new byte[rows * columns * size + 1];
        Random random = new(7);
        for (int at = 0; at < rows * columns; at++)
        {
            float value = random.Next(-64, 64);
            Span<byte> element = bytes.AsSpan(1 + at * size);
            if (type == TensorType.Float32) BinaryPrimitives.WriteSingleLittleEndian(element, value);
            else if (type == TensorType.Float16) BinaryPrimitives.WriteHalfLittleEndian(element, (Half)value);
            else BinaryPrimitives.WriteUInt16LittleEndian(element, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
        }
        fixed (byte* start = bytes)
        {
            TensorView stored = TensorView.RowMajor(type, (nint)start + 1, rows, columns);
            AssertCopies(stored);
            AssertCopies(stored.Transpose());
            AssertCopies(stored.SliceRows(3, 70).SliceColumns(5, 66));
            AssertCopies(stored.Transpose().SliceRows(5, 66).SliceColumns(3, 70));
            Assert.Equal(stored[9, 40], stored.Transpose().SliceRows(40, 2)[0, 9]);
        }
    }

    [Fact]
    public void Slices_OutOfRange_Throw()
    {
        TensorView view = TensorView.RowMajor(TensorType.Float32, 0, 4, 6);
        Assert.Throws<ArgumentOutOfRangeException>(() => view.SliceRows(1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => view.SliceColumns(int.MaxValue, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => view.CopyRow(4, new float[6]));
        Assert.Throws<ArgumentOutOfRangeException>(() => view.CopyRow(0, new float[5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => view[0, -1]);
        Assert.Throws<InvalidOperationException>(() => view.CopyRow(0, new ushort[6]));
    }

    private static void AssertCopies(TensorView view)
    {
        float[] copy = new float[view.Rows * view.Columns];
        view.CopyTo(copy);
        float[] lastRow = new float[view.Columns];
        view.CopyRow(view.Rows - 1, lastRow);
        ushort[] raw = new ushort[copy.Length];
        if (view.Type == TensorType.BFloat16) view.CopyTo(raw);
        for (int row = 0; row < view.Rows; row++)
        {
            for (int column = 0; column < view.Columns; column++)
            {
                float expected = view[row, column];
                Assert.Equal(expected, copy[row * view.Columns + column]);
                if (row == view.Rows - 1) Assert.Equal(expected, lastRow[column]);
                if (view.Type == TensorType.BFloat16)
                    Assert.Equal(expected, BitConverter.UInt32BitsToSingle((uint)raw[row * view.Columns + column] << 16));
            }
        }
    }

    private static void AssertAllWidened(TensorType type, Func<ushort, float> expected)
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(bits => (ushort)bits)];
        float[] widened = new float[all.Length];
        fixed (ushort* start = all) TensorView.RowMajor(type, (nint)start, 1, all.Length).CopyTo(widened);
        foreach (ushort bits in all)
        {
            if (float.IsNaN(expected(bits))) Assert.True(float.IsNaN(widened[bits]));
            else Assert.Equal(BitConverter.SingleToUInt32Bits(expected(bits)), BitConverter.SingleToUInt32Bits(widened[bits]));
        }
    }
}
