using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// Initial weights in which positions mean something: position embeddings are sinusoids (Vaswani et al. 2017), and a head looks a few
/// tokens back. From random ones a model of little text takes a large part of its training to tell the token before from the others.
/// </summary>
internal static class PositionalStart
{
    private const double Base = 100;

    /// <summary>Fills position embeddings <c>[context, hidden]</c> with pairs of sine and cosine, of wavelengths from 2 pi to 200 pi tokens and of that deviation.</summary>
    public static void FillPositions(Tensor embeddings, double deviation)
    {
        int hidden = (int)embeddings.shape[1];
        Span<float> values = MemoryMarshal.Cast<byte, float>(embeddings.bytes);
        for (int i = 0; i < values.Length; i++)
        {
            (int position, int column) = Math.DivRem(i, hidden);
            (double sine, double cosine) = Math.SinCos(position * Frequency(column / 2, hidden));
            values[i] = (float)(deviation * Math.Sqrt(2) * (column % 2 == 0 ? sine : cosine));
        }
    }

    /// <summary>
    /// Adds to a projection onto queries, keys and values <c>[hidden, 3 * hidden]</c> what makes head h attend h + 1 positions back.
    /// A head takes its share of the pairs of sine and cosine; in its keys they are turned as far as h + 1 positions turn them.
    /// </summary>
    public static void LookBack(Tensor projection, int heads)
    {
        int hidden = (int)projection.shape[0], size = hidden / heads;
        Span<float> values = MemoryMarshal.Cast<byte, float>(projection.bytes);
        for (int head = 0; head < heads; head++)
        {
            for (int i = 0; i < size / 2; i++)
            {
                int pair = i * heads + head, sine = 2 * pair * 3 * hidden, cosine = sine + 3 * hidden, query = head * size + 2 * i, key = hidden + query;
                (double sin, double cos) = Math.SinCos((head + 1) * Frequency(pair, hidden));
                values[sine + query] += 1;
                values[cosine + query + 1] += 1;
                values[sine + key] += (float)cos;
                values[cosine + key] += (float)sin;
                values[sine + key + 1] -= (float)sin;
                values[cosine + key + 1] += (float)cos;
            }
        }
    }

    private static double Frequency(int pair, int hidden) => Math.Pow(Base, -2.0 * pair / hidden);
}
