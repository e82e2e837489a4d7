using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DistributedGpt.Models;

/// <summary>Exact conversion of stored elements to float32, from addresses that need not be aligned.</summary>
internal static unsafe class Widening
{
    private static readonly Vector<float> BiasDifference = new(MathF.ScaleB(1, 112));

    /// <summary>One element.</summary>
    public static float Read(TensorType type, byte* source) => type switch
    {
        TensorType.Float32 => Unsafe.ReadUnaligned<float>(source),
        TensorType.BFloat16 => BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(source) << 16),
        _ => (float)Unsafe.ReadUnaligned<Half>(source),
    };

    /// <summary>As many elements as <paramref name="destination"/> has, which follow one another at <paramref name="source"/>.</summary>
    public static void Copy(TensorType type, byte* source, Span<float> destination)
    {
        if (type == TensorType.Float32)
        {
            new ReadOnlySpan<byte>(source, destination.Length * sizeof(float)).CopyTo(MemoryMarshal.AsBytes(destination));
            return;
        }
        int at = 0;
        for (; at <= destination.Length - Vector<ushort>.Count; at += Vector<ushort>.Count)
        {
            Vector.Widen(Unsafe.ReadUnaligned<Vector<ushort>>(source + at * sizeof(ushort)), out Vector<uint> lower, out Vector<uint> upper);
            Widen(type, lower).CopyTo(destination[at..]);
            Widen(type, upper).CopyTo(destination[(at + Vector<uint>.Count)..]);
        }
        for (; at < destination.Length; at++) destination[at] = Read(type, source + at * sizeof(ushort));
    }

    private static Vector<float> Widen(TensorType type, Vector<uint> bits) =>
        Vector.AsVectorSingle(type == TensorType.BFloat16 ? bits << 16 : WidenHalf(bits));

    /// <summary>
    /// Moves exponent and mantissa to float32's places and multiplies by 2^112, the difference of the exponents' biases: exact for
    /// normal and subnormal numbers alike. Infinity and NaN keep the largest exponent.
    /// </summary>
    private static Vector<uint> WidenHalf(Vector<uint> bits)
    {
        Vector<uint> magnitude = (bits & new Vector<uint>(0x7fff)) << 13;
        Vector<uint> scaled = Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude) * BiasDifference);
        Vector<uint> special = Vector.GreaterThanOrEqual(magnitude, new Vector<uint>(0x0f800000)) & new Vector<uint>(0x7f800000);
        return scaled | special | ((bits & new Vector<uint>(0x8000)) << 16);
    }
}
