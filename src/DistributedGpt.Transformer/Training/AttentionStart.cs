using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// Initial weights whose heads already attend to what the heads of a trained model do. From random ones, a model of little text takes
/// a large part of its training to tell the token before from the others, and never finds out how to look a new word up in its context.
/// <para>
/// The first quarter of the residual stream speaks of positions alone (sinusoids, Vaswani et al. 2017), the rest of tokens. In the
/// lower half of the layers, head h attends h + 1 positions back; head 0 of the first layer writes down which token it sees there.
/// In the layer after these, head 0 attends to what came after the present token before, and writes that token into the residual
/// stream (an induction head, Olsson et al. 2022). All of it is free to change in the training.
/// </para>
/// </summary>
internal static class AttentionStart
{
    private const double HighestFrequency = 3;
    private const double FrequencyRange = 100;

    // Scores where a head should attend: enough above the others in a context of some hundred tokens.
    private const double LookBackScore = 16;
    private const double LookUpScore = 12;

    /// <summary>Changes normally distributed weights.</summary>
    /// <param name="tokens">Token embeddings <c>[vocabulary, hidden]</c>.</param>
    /// <param name="positions">Position embeddings <c>[context, hidden]</c>.</param>
    /// <param name="layers">Each layer's projection onto queries, keys and values <c>[hidden, 3 * hidden]</c> and that of its heads into the residual stream <c>[hidden, hidden]</c>.</param>
    /// <param name="heads">Heads of a layer.</param>
    /// <param name="deviation">The deviation of the embeddings.</param>
    /// <param name="generator">Draws the directions in which tokens are written down.</param>
    public static void Apply(Tensor tokens, Tensor positions, (Tensor Attention, Tensor Output)[] layers, int heads, double deviation, Generator generator)
    {
        int hidden = (int)positions.shape[1], size = hidden / heads, pairs = hidden / 8;
        tokens.narrow(1, 0, 2 * pairs).zero_();
        FillPositions(positions, pairs, deviation);
        int lower = (layers.Length + 1) / 2;
        foreach ((Tensor attention, _) in layers.Take(lower)) LookBack(attention, heads, pairs);
        int written = Math.Min(size, hidden - 2 * pairs);
        using Scalar share = 2 * deviation, sharpness = 2 * LookUpScore / Math.Sqrt(size);
        Tensor token = Directions(), before = Directions();
        layers[0].Attention.narrow(1, 2 * hidden, written).copy_(token);
        layers[0].Output.narrow(0, 0, written).copy_(before.t() * share);
        if (lower == layers.Length) return;
        (Tensor lookUp, Tensor output) = layers[lower];
        lookUp.narrow(1, 0, written).copy_(token * sharpness);
        lookUp.narrow(1, hidden, written).copy_(before);
        lookUp.narrow(1, 2 * hidden, written).copy_(token);
        output.narrow(0, 0, written).copy_(token.t() * share);

        // Orthogonal to each other and to the positions: [hidden, written].
        Tensor Directions()
        {
            (Tensor orthogonal, _) = linalg.qr(randn([hidden - 2 * pairs, written], generator: generator));
            return cat([zeros(2 * pairs, written), orthogonal], 0);
        }
    }

    private static void FillPositions(Tensor embeddings, int pairs, double deviation)
    {
        int hidden = (int)embeddings.shape[1];
        Span<float> values = MemoryMarshal.Cast<byte, float>(embeddings.bytes);
        values.Clear();
        for (int position = 0; position < embeddings.shape[0]; position++)
        {
            for (int pair = 0; pair < pairs; pair++)
            {
                (double sine, double cosine) = Math.SinCos(position * Frequency(pair, pairs));
                values[position * hidden + 2 * pair] = (float)(deviation * Math.Sqrt(2) * sine);
                values[position * hidden + 2 * pair + 1] = (float)(deviation * Math.Sqrt(2) * cosine);
            }
        }
    }

    /// <summary>
    /// Head h reads pairs of sine and cosine spread over all frequencies; in its keys they are turned as far as h + 1 positions turn them.
    /// </summary>
    private static void LookBack(Tensor projection, int heads, int pairs)
    {
        int hidden = (int)projection.shape[0], size = hidden / heads, read = Math.Min(pairs, size / 2);
        Span<float> values = MemoryMarshal.Cast<byte, float>(projection.bytes);
        for (int head = 0; head < heads; head++)
        {
            for (int i = 0; i < read; i++)
            {
                int pair = i * pairs / read, sine = 2 * pair * 3 * hidden, cosine = sine + 3 * hidden, query = head * size + 2 * i, key = hidden + query;
                float sharpness = (float)(LookBackScore * Math.Sqrt(size) / (2 * read));
                (double sin, double cos) = Math.SinCos((head + 1) * Frequency(pair, pairs));
                values[sine + query] = sharpness;
                values[cosine + query + 1] = sharpness;
                values[sine + key] = (float)cos;
                values[cosine + key] = (float)sin;
                values[sine + key + 1] = -(float)sin;
                values[cosine + key + 1] = (float)cos;
            }
        }
    }

    private static double Frequency(int pair, int pairs) => HighestFrequency * Math.Pow(FrequencyRange, -pair / (double)pairs);
}
