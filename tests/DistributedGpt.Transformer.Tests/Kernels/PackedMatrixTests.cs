using System.Runtime.InteropServices;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

public sealed unsafe class PackedMatrixTests
{
    public static TheoryData<TensorType, TensorType?, bool, int> Cases
    {
        get
        {
            var cases = new TheoryData<TensorType, TensorType?, bool, int>();
            foreach (TensorType stored in Enum.GetValues<TensorType>())
            {
                foreach (TensorType? resident in (TensorType?[])[null, TensorType.Float32, TensorType.BFloat16])
                {
                    cases.Add(stored, resident, false, 16);
                    cases.Add(stored, resident, true, 16);
                    cases.Add(stored, resident, true, 2);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pack_AnyTypeAndOrder_RowsComeBack(TensorType stored, TensorType? resident, bool transposed, int panelRows)
    {
        // Two parts, 37 and 9 rows of 300 columns, at an odd address.
        const int columns = 300;
        var random = new Random(5);
        byte[] first = GC.AllocateArray<byte>(37 * columns * 4 + 1, pinned: true);
        byte[] second = GC.AllocateArray<byte>(9 * columns * 4 + 1, pinned: true);
        foreach (byte[] bytes in (byte[][])[first, second])
        {
            for (int i = 1; i + 4 <= bytes.Length; i += stored == TensorType.Float32 ? 4 : 2)
            {
                float value = random.NextSingle() * 2 - 1;
                Span<byte> to = bytes.AsSpan(i);
                if (stored == TensorType.Float32) MemoryMarshal.Write(to, value);
                else if (stored == TensorType.Float16) MemoryMarshal.Write(to, (Half)value);
                else MemoryMarshal.Write(to, BFloat16Bits.FromSingle(value));
            }
        }

        TensorView View(byte[] bytes, int rows)
        {
            nint address = Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 1);
            return transposed ? new(stored, address, rows, columns, 1, rows) : new(stored, address, rows, columns, columns, 1);
        }

        TensorView top = View(first, 37);
        TensorView bottom = View(second, 9);
        using PackedMatrix matrix = PackedMatrix.Pack(panelRows, resident, top, bottom);
        Assert.Equal((46, columns), (matrix.Rows, matrix.Columns));
        Assert.Equal(resident == TensorType.BFloat16 || (resident is null && stored == TensorType.BFloat16), matrix.IsBFloat16);
        var row = new float[columns];
        for (int r = 0; r < 46; r++)
        {
            fixed (float* to = row) matrix.CopyRow(r, to);
            for (int c = 0; c < columns; c++)
            {
                float expected = r < 37 ? top[r, c] : bottom[r - 37, c];
                Assert.Equal(matrix.IsBFloat16 ? BFloat16Bits.ToSingle(BFloat16Bits.FromSingle(expected)) : expected, row[c]);
            }
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.CopyRow(46, null));

        // Pinning holds the arrays in place but not alive, and the views are only addresses.
        GC.KeepAlive(first);
        GC.KeepAlive(second);
    }

    [Theory]
    [InlineData(1f, 0x3f80)]
    [InlineData(1.00390625f, 0x3f80)]   // half way between two, to even
    [InlineData(1.01171875f, 0x3f82)]   // half way, to even, upwards
    [InlineData(1.0039065f, 0x3f81)]    // just above half way
    [InlineData(3.4e38f, 0x7f80)]       // overflows to infinity
    [InlineData(float.NegativeInfinity, 0xff80)]
    public void FromSingle_Value_IsTheNearest(float value, int bits) => Assert.Equal(bits, BFloat16Bits.FromSingle(value));

    [Fact]
    public void FromSingle_NaNWithLowBitsOnly_StaysNaN() =>
        Assert.True(float.IsNaN(BFloat16Bits.ToSingle(BFloat16Bits.FromSingle(BitConverter.UInt32BitsToSingle(0x7f800001)))));
}
