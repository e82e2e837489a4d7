using System.Runtime.CompilerServices;

namespace DistributedGpt.Transformer;

/// <summary>
/// What is done to a row on its own: norms, softmax, rotation, activations. A sum over a row has sixteen partial sums, element i going
/// to sum i mod 16 in the order of i, which are then added as a tree (i + 8, i + 4, i + 2, i + 1): the same at every vector width.
/// Like all kernels it is compiled to optimised code at once: the first prompt must not run in the first tier.
/// </summary>
internal static unsafe class RowKernel<TSimd, V>
    where TSimd : ISimd<V>
    where V : unmanaged
{
    private const int Sums = 16;

    /// <summary>y = x / sqrt(mean(x^2) + epsilon) * weight (Zhang and Sennrich, 2019).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void RmsNorm(float* x, float* weight, float epsilon, float* y, int count)
    {
        float scale = 1 / MathF.Sqrt(SumOfSquares(x, 0, count) / count + epsilon);
        int i = 0;
        for (V s = TSimd.Broadcast(scale); i <= count - TSimd.Lanes; i += TSimd.Lanes)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Multiply(TSimd.Load(x + i), s), TSimd.Load(weight + i)), y + i);
        }

        for (; i < count; i++) y[i] = x[i] * scale * weight[i];
    }

    /// <summary>y = (x - mean) / sqrt(variance + epsilon) * weight + bias (Ba, Kiros and Hinton, 2016).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void LayerNorm(float* x, float* weight, float* bias, float epsilon, float* y, int count)
    {
        float mean = Sum(x, count) / count;
        float scale = 1 / MathF.Sqrt(SumOfSquares(x, mean, count) / count + epsilon);
        int i = 0;
        V m = TSimd.Broadcast(mean);
        for (V s = TSimd.Broadcast(scale); i <= count - TSimd.Lanes; i += TSimd.Lanes)
        {
            V normal = TSimd.Multiply(TSimd.Subtract(TSimd.Load(x + i), m), s);
            TSimd.Store(TSimd.FusedMultiplyAdd(normal, TSimd.Load(weight + i), TSimd.Load(bias + i)), y + i);
        }

        for (; i < count; i++) y[i] = MathF.FusedMultiplyAdd((x[i] - mean) * scale, weight[i], bias[i]);
    }

    /// <summary>
    /// Turns scores into e^(score - greatest score) and returns the reciprocal of their sum. The row is written up to the next multiple
    /// of 16, with zeros beyond <paramref name="count"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Softmax(float* scores, int count)
    {
        int padded = (count + Sums - 1) / Sums * Sums;
        for (int i = count; i < padded; i++) scores[i] = float.NegativeInfinity;

        V greatest = TSimd.Load(scores);
        for (int i = TSimd.Lanes; i < padded; i += TSimd.Lanes) greatest = TSimd.Max(greatest, TSimd.Load(scores + i));
        float* sums = stackalloc float[Sums];
        TSimd.Store(greatest, sums);
        float max = sums[0];
        for (int lane = 1; lane < TSimd.Lanes; lane++) max = SimdPlain.Max(max, sums[lane]);

        V m = TSimd.Broadcast(max);
        for (int lane = 0; lane < Sums; lane += TSimd.Lanes)
        {
            V sum = TSimd.Zero;
            for (int i = lane; i < padded; i += Sums)
            {
                V exponential = VectorMath<TSimd, V>.Exp(TSimd.Subtract(TSimd.Load(scores + i), m));
                TSimd.Store(exponential, scores + i);
                sum = TSimd.Add(sum, exponential);
            }

            TSimd.Store(sum, sums + lane);
        }

        return 1 / Tree(sums);
    }

    /// <summary>Rotary embedding of a head (Su et al., 2021): the pair (x[i], x[i + half]) turns by the angle i.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Rotate(float* x, float* cosines, float* sines, int half)
    {
        int i = 0;
        for (; i <= half - TSimd.Lanes; i += TSimd.Lanes) Rotate<TSimd, V>(x + i, cosines + i, sines + i, half);
        for (; i < half; i++) Rotate<SimdPlain, float>(x + i, cosines + i, sines + i, half);
    }

    /// <summary>y = x * factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* x, float factor, float* y, int count)
    {
        int i = 0;
        for (V f = TSimd.Broadcast(factor); i <= count - TSimd.Lanes; i += TSimd.Lanes)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Load(x + i), f), y + i);
        }

        for (; i < count; i++) y[i] = x[i] * factor;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Rotate<TRow, W>(float* x, float* cosines, float* sines, int half)
        where TRow : ISimd<W>
        where W : unmanaged
    {
        W a = TRow.Load(x);
        W b = TRow.Load(x + half);
        W c = TRow.Load(cosines);
        W s = TRow.Load(sines);
        TRow.Store(TRow.FusedMultiplyAdd(a, c, TRow.Multiply(TRow.Subtract(TRow.Zero, b), s)), x);
        TRow.Store(TRow.FusedMultiplyAdd(b, c, TRow.Multiply(a, s)), x + half);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(float* x, int count)
    {
        float* sums = stackalloc float[Sums];
        int whole = count / Sums * Sums;
        for (int lane = 0; lane < Sums; lane += TSimd.Lanes)
        {
            V sum = TSimd.Zero;
            for (int i = lane; i < whole; i += Sums) sum = TSimd.Add(sum, TSimd.Load(x + i));
            TSimd.Store(sum, sums + lane);
        }

        for (int i = whole; i < count; i++) sums[i - whole] += x[i];
        return Tree(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SumOfSquares(float* x, float mean, int count)
    {
        float* sums = stackalloc float[Sums];
        int whole = count / Sums * Sums;
        V m = TSimd.Broadcast(mean);
        for (int lane = 0; lane < Sums; lane += TSimd.Lanes)
        {
            V sum = TSimd.Zero;
            for (int i = lane; i < whole; i += Sums)
            {
                V difference = TSimd.Subtract(TSimd.Load(x + i), m);
                sum = TSimd.FusedMultiplyAdd(difference, difference, sum);
            }

            TSimd.Store(sum, sums + lane);
        }

        for (int i = whole; i < count; i++)
        {
            sums[i - whole] = MathF.FusedMultiplyAdd(x[i] - mean, x[i] - mean, sums[i - whole]);
        }

        return Tree(sums);
    }

    private static float Tree(float* sums)
    {
        for (int half = Sums / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++) sums[i] += sums[i + half];
        }

        return sums[0];
    }
}
