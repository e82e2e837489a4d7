namespace DistributedGpt.Transformer;

/// <summary>
/// One vector register of float32 and the operations that the kernels are written in. Kernels are generic over it, so that every
/// vector width runs the same code: each lane computes one output by the same chain of IEEE operations, therefore the bits are the
/// same at every width. Nothing here adds across lanes, and a product is fused with its sum only where it is said to be.
/// </summary>
/// <typeparam name="V">The register.</typeparam>
internal unsafe interface ISimd<V>
    where V : unmanaged
{
    /// <summary>Floats in a register; divides 16.</summary>
    static abstract int Lanes { get; }

    /// <summary>All lanes zero.</summary>
    static abstract V Zero { get; }

    /// <summary>All lanes <paramref name="value"/>.</summary>
    static abstract V Broadcast(float value);

    /// <summary>Reads consecutive floats.</summary>
    static abstract V Load(float* source);

    /// <summary>Reads consecutive bfloat16 values and widens them exactly.</summary>
    static abstract V Load(ushort* source);

    /// <summary>Writes consecutive floats.</summary>
    static abstract void Store(V value, float* destination);

    /// <summary>a + b.</summary>
    static abstract V Add(V a, V b);

    /// <summary>a - b.</summary>
    static abstract V Subtract(V a, V b);

    /// <summary>a * b.</summary>
    static abstract V Multiply(V a, V b);

    /// <summary>a / b.</summary>
    static abstract V Divide(V a, V b);

    /// <summary>a * b + c, rounded once.</summary>
    static abstract V FusedMultiplyAdd(V a, V b, V c);

    /// <summary>The greater of a and b; where one is NaN or both are zero, either of them.</summary>
    static abstract V Max(V a, V b);

    /// <summary>The lesser of a and b; where one is NaN or both are zero, either of them.</summary>
    static abstract V Min(V a, V b);

    /// <summary><paramref name="value"/> where <paramref name="x"/> is at least <paramref name="limit"/> or NaN, else zero.</summary>
    static abstract V ZeroBelow(V x, V limit, V value);

    /// <summary>2^n, for n whose bits stand in the low mantissa bits of <paramref name="shifted"/> = n + 1.5 * 2^23, -126 &lt;= n &lt;= 127.</summary>
    static abstract V PowerOfTwo(V shifted);
}
