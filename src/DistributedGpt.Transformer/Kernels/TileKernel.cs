using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DistributedGpt.Transformer;

/// <summary>
/// The one inner loop of every product: weights times activations, queries times keys, probabilities times values. A tile is up to
/// <see cref="MaxTokens"/> tokens by two registers of outputs; its accumulators are named locals, so that they stay in registers.
/// Output (token, lane) is one chain <c>y = fma(x[k], w[k], y)</c> over k in order, whatever the tile and wherever the chain is
/// interrupted: a tile that is not fresh goes on from what stands in y.
/// </summary>
internal static unsafe class TileKernel<TSimd, V, TElement>
    where TSimd : ISimd<V>
    where V : unmanaged
    where TElement : unmanaged
{
    /// <summary>The greatest number of tokens of a tile.</summary>
    public const int MaxTokens = 6;

    private const int PrefetchBytes = 1024;
    private const int CacheLine = 64;

    /// <summary>Multiplies and adds.</summary>
    /// <param name="tokens">1, 2, 4 or 6.</param>
    /// <param name="w0">The first register's column at k = 0: float32 or the bits of bfloat16.</param>
    /// <param name="w1">The second register's.</param>
    /// <param name="stride">Elements from one k to the next, in both.</param>
    /// <param name="x">Activations <c>[count, tokens]</c>.</param>
    /// <param name="count">The number of k.</param>
    /// <param name="y0">Results for w0: token t at <c>y0 + t * yStride</c>.</param>
    /// <param name="y1">Results for w1.</param>
    /// <param name="yStride">Elements from one token's results to the next.</param>
    /// <param name="fresh">True: start from zero; false: from what y holds.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Multiply(
        int tokens, TElement* w0, TElement* w1, nint stride, float* x, int count, float* y0, float* y1, nint yStride, bool fresh)
    {
        switch (tokens)
        {
            case 6:
                Tile6(w0, w1, stride, x, count, y0, y1, yStride, fresh);
                break;
            case 4:
                Tile4(w0, w1, stride, x, count, y0, y1, yStride, fresh);
                break;
            case 2:
                Tile2(w0, w1, stride, x, count, y0, y1, yStride, fresh);
                break;
            default:
                Tile1(w0, w1, stride, x, count, y0, y1, yStride, fresh);
                break;
        }
    }

    /// <summary>As <see cref="Multiply"/> for one token and two panels: four chains hide the latency that two do not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MultiplyPanels(TElement* first, TElement* second, float* x, int count, float* y)
    {
        V a0 = TSimd.Zero;
        V a1 = TSimd.Zero;
        V a2 = TSimd.Zero;
        V a3 = TSimd.Zero;
        for (; count > 0; count--, first += 2 * TSimd.Lanes, second += 2 * TSimd.Lanes, x++)
        {
            Prefetch(first);
            Prefetch(second);
            V x0 = TSimd.Broadcast(*x);
            a0 = TSimd.FusedMultiplyAdd(x0, Load(first), a0);
            a1 = TSimd.FusedMultiplyAdd(x0, Load(first + TSimd.Lanes), a1);
            a2 = TSimd.FusedMultiplyAdd(x0, Load(second), a2);
            a3 = TSimd.FusedMultiplyAdd(x0, Load(second + TSimd.Lanes), a3);
        }

        TSimd.Store(a0, y);
        TSimd.Store(a1, y + TSimd.Lanes);
        TSimd.Store(a2, y + 2 * TSimd.Lanes);
        TSimd.Store(a3, y + 3 * TSimd.Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6(
        TElement* w0, TElement* w1, nint stride, float* x, int count, float* y0, float* y1, nint yStride, bool fresh)
    {
        V a00 = fresh ? TSimd.Zero : TSimd.Load(y0);
        V a01 = fresh ? TSimd.Zero : TSimd.Load(y1);
        V a10 = fresh ? TSimd.Zero : TSimd.Load(y0 + yStride);
        V a11 = fresh ? TSimd.Zero : TSimd.Load(y1 + yStride);
        V a20 = fresh ? TSimd.Zero : TSimd.Load(y0 + 2 * yStride);
        V a21 = fresh ? TSimd.Zero : TSimd.Load(y1 + 2 * yStride);
        V a30 = fresh ? TSimd.Zero : TSimd.Load(y0 + 3 * yStride);
        V a31 = fresh ? TSimd.Zero : TSimd.Load(y1 + 3 * yStride);
        V a40 = fresh ? TSimd.Zero : TSimd.Load(y0 + 4 * yStride);
        V a41 = fresh ? TSimd.Zero : TSimd.Load(y1 + 4 * yStride);
        V a50 = fresh ? TSimd.Zero : TSimd.Load(y0 + 5 * yStride);
        V a51 = fresh ? TSimd.Zero : TSimd.Load(y1 + 5 * yStride);
        for (; count > 0; count--, w0 += stride, w1 += stride, x += 6)
        {
            Prefetch(w0);
            V b0 = Load(w0);
            V b1 = Load(w1);
            V x0 = TSimd.Broadcast(x[0]);
            a00 = TSimd.FusedMultiplyAdd(x0, b0, a00);
            a01 = TSimd.FusedMultiplyAdd(x0, b1, a01);
            V x1 = TSimd.Broadcast(x[1]);
            a10 = TSimd.FusedMultiplyAdd(x1, b0, a10);
            a11 = TSimd.FusedMultiplyAdd(x1, b1, a11);
            V x2 = TSimd.Broadcast(x[2]);
            a20 = TSimd.FusedMultiplyAdd(x2, b0, a20);
            a21 = TSimd.FusedMultiplyAdd(x2, b1, a21);
            V x3 = TSimd.Broadcast(x[3]);
            a30 = TSimd.FusedMultiplyAdd(x3, b0, a30);
            a31 = TSimd.FusedMultiplyAdd(x3, b1, a31);
            V x4 = TSimd.Broadcast(x[4]);
            a40 = TSimd.FusedMultiplyAdd(x4, b0, a40);
            a41 = TSimd.FusedMultiplyAdd(x4, b1, a41);
            V x5 = TSimd.Broadcast(x[5]);
            a50 = TSimd.FusedMultiplyAdd(x5, b0, a50);
            a51 = TSimd.FusedMultiplyAdd(x5, b1, a51);
        }

        TSimd.Store(a00, y0);
        TSimd.Store(a01, y1);
        TSimd.Store(a10, y0 + yStride);
        TSimd.Store(a11, y1 + yStride);
        TSimd.Store(a20, y0 + 2 * yStride);
        TSimd.Store(a21, y1 + 2 * yStride);
        TSimd.Store(a30, y0 + 3 * yStride);
        TSimd.Store(a31, y1 + 3 * yStride);
        TSimd.Store(a40, y0 + 4 * yStride);
        TSimd.Store(a41, y1 + 4 * yStride);
        TSimd.Store(a50, y0 + 5 * yStride);
        TSimd.Store(a51, y1 + 5 * yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4(
        TElement* w0, TElement* w1, nint stride, float* x, int count, float* y0, float* y1, nint yStride, bool fresh)
    {
        V a00 = fresh ? TSimd.Zero : TSimd.Load(y0);
        V a01 = fresh ? TSimd.Zero : TSimd.Load(y1);
        V a10 = fresh ? TSimd.Zero : TSimd.Load(y0 + yStride);
        V a11 = fresh ? TSimd.Zero : TSimd.Load(y1 + yStride);
        V a20 = fresh ? TSimd.Zero : TSimd.Load(y0 + 2 * yStride);
        V a21 = fresh ? TSimd.Zero : TSimd.Load(y1 + 2 * yStride);
        V a30 = fresh ? TSimd.Zero : TSimd.Load(y0 + 3 * yStride);
        V a31 = fresh ? TSimd.Zero : TSimd.Load(y1 + 3 * yStride);
        for (; count > 0; count--, w0 += stride, w1 += stride, x += 4)
        {
            Prefetch(w0);
            V b0 = Load(w0);
            V b1 = Load(w1);
            V x0 = TSimd.Broadcast(x[0]);
            a00 = TSimd.FusedMultiplyAdd(x0, b0, a00);
            a01 = TSimd.FusedMultiplyAdd(x0, b1, a01);
            V x1 = TSimd.Broadcast(x[1]);
            a10 = TSimd.FusedMultiplyAdd(x1, b0, a10);
            a11 = TSimd.FusedMultiplyAdd(x1, b1, a11);
            V x2 = TSimd.Broadcast(x[2]);
            a20 = TSimd.FusedMultiplyAdd(x2, b0, a20);
            a21 = TSimd.FusedMultiplyAdd(x2, b1, a21);
            V x3 = TSimd.Broadcast(x[3]);
            a30 = TSimd.FusedMultiplyAdd(x3, b0, a30);
            a31 = TSimd.FusedMultiplyAdd(x3, b1, a31);
        }

        TSimd.Store(a00, y0);
        TSimd.Store(a01, y1);
        TSimd.Store(a10, y0 + yStride);
        TSimd.Store(a11, y1 + yStride);
        TSimd.Store(a20, y0 + 2 * yStride);
        TSimd.Store(a21, y1 + 2 * yStride);
        TSimd.Store(a30, y0 + 3 * yStride);
        TSimd.Store(a31, y1 + 3 * yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile2(
        TElement* w0, TElement* w1, nint stride, float* x, int count, float* y0, float* y1, nint yStride, bool fresh)
    {
        V a00 = fresh ? TSimd.Zero : TSimd.Load(y0);
        V a01 = fresh ? TSimd.Zero : TSimd.Load(y1);
        V a10 = fresh ? TSimd.Zero : TSimd.Load(y0 + yStride);
        V a11 = fresh ? TSimd.Zero : TSimd.Load(y1 + yStride);
        for (; count > 0; count--, w0 += stride, w1 += stride, x += 2)
        {
            Prefetch(w0);
            V b0 = Load(w0);
            V b1 = Load(w1);
            V x0 = TSimd.Broadcast(x[0]);
            a00 = TSimd.FusedMultiplyAdd(x0, b0, a00);
            a01 = TSimd.FusedMultiplyAdd(x0, b1, a01);
            V x1 = TSimd.Broadcast(x[1]);
            a10 = TSimd.FusedMultiplyAdd(x1, b0, a10);
            a11 = TSimd.FusedMultiplyAdd(x1, b1, a11);
        }

        TSimd.Store(a00, y0);
        TSimd.Store(a01, y1);
        TSimd.Store(a10, y0 + yStride);
        TSimd.Store(a11, y1 + yStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1(
        TElement* w0, TElement* w1, nint stride, float* x, int count, float* y0, float* y1, nint yStride, bool fresh)
    {
        V a00 = fresh ? TSimd.Zero : TSimd.Load(y0);
        V a01 = fresh ? TSimd.Zero : TSimd.Load(y1);
        for (; count > 0; count--, w0 += stride, w1 += stride, x += 1)
        {
            Prefetch(w0);
            V b0 = Load(w0);
            V b1 = Load(w1);
            V x0 = TSimd.Broadcast(x[0]);
            a00 = TSimd.FusedMultiplyAdd(x0, b0, a00);
            a01 = TSimd.FusedMultiplyAdd(x0, b1, a01);
        }

        TSimd.Store(a00, y0);
        TSimd.Store(a01, y1);
    }

    // The processor's own prefetch stops at the end of each page; a few hundred bytes ahead also suffice against its short window.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(TElement* w)
    {
        if (!Sse.IsSupported) return;
        Sse.Prefetch0((byte*)w + PrefetchBytes);

        // Two registers of float32 at the greatest width are two cache lines.
        if (sizeof(TElement) * TSimd.Lanes == CacheLine) Sse.Prefetch0((byte*)w + PrefetchBytes + CacheLine);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(TElement* source) =>
        typeof(TElement) == typeof(float) ? TSimd.Load((float*)source) : TSimd.Load((ushort*)source);
}
