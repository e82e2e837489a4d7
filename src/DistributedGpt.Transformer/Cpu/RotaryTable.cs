using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// Cosines and sines <c>[positions, head_size / 2]</c> of the rotary embedding's angles, position * frequency in double precision, rounded
/// once; the table grows with the longest sequence seen.
/// </summary>
internal sealed unsafe class RotaryTable : IDisposable
{
    private const int FirstPositions = 256;

    private readonly double[] _frequencies;
    private NativeBuffer _cosines = new(0);
    private NativeBuffer _sines = new(0);
    private int _positions;

    /// <summary>An empty table for heads of <paramref name="headSize"/> elements.</summary>
    public RotaryTable(RotaryConfig config, int headSize)
    {
        _frequencies = Frequencies(config, headSize);
    }

    /// <summary>The angle per position of each pair of elements, <c>[head_size / 2]</c>.</summary>
    public static double[] Frequencies(RotaryConfig config, int headSize)
    {
        double[] frequencies = new double[headSize / 2];
        double logTheta = RotaryMath.Log(config.Theta);
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] = Scale(RotaryMath.Exp(-2.0 * i / headSize * logTheta), config);
        return frequencies;
    }

    /// <summary>The cosines.</summary>
    public float* Cosines => _cosines.Floats;

    /// <summary>The sines.</summary>
    public float* Sines => _sines.Floats;

    /// <summary>Makes the table hold at least <paramref name="positions"/> positions.</summary>
    public void Grow(int positions)
    {
        if (positions <= _positions) return;
        int size = Math.Max(FirstPositions, (int)Math.Min(int.MaxValue, 2L * positions));
        int half = _frequencies.Length;
        var cosines = new NativeBuffer((long)size * half * sizeof(float));
        var sines = new NativeBuffer((long)size * half * sizeof(float));
        Buffer.MemoryCopy(Cosines, cosines.Address, cosines.Bytes, (long)_positions * half * sizeof(float));
        Buffer.MemoryCopy(Sines, sines.Address, sines.Bytes, (long)_positions * half * sizeof(float));
        for (int position = _positions; position < size; position++)
        {
            for (int i = 0; i < half; i++)
            {
                (double sine, double cosine) = RotaryMath.SinCos(position * _frequencies[i]);
                cosines.Floats[(long)position * half + i] = (float)cosine;
                sines.Floats[(long)position * half + i] = (float)sine;
            }
        }

        Dispose();
        _cosines = cosines;
        _sines = sines;
        _positions = size;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cosines.Dispose();
        _sines.Dispose();
    }

    private static double Scale(double frequency, RotaryConfig config)
    {
        switch (config.Scaling)
        {
            case RotaryScaling.Default:
                return frequency;
            case RotaryScaling.Linear:
                return frequency / config.Factor;
            case RotaryScaling.Llama3:
                // Dubey et al., 2024: by how often the wave turns within the original context.
                double turns = config.OriginalContextLength * frequency / (2 * Math.PI);
                if (turns < config.LowFrequencyFactor) return frequency / config.Factor;
                if (turns > config.HighFrequencyFactor) return frequency;
                double ramp = (turns - config.LowFrequencyFactor) / (config.HighFrequencyFactor - config.LowFrequencyFactor);
                return (1 - ramp) * frequency / config.Factor + ramp * frequency;
            default:
                throw new NotSupportedException($"Rotary scaling {config.Scaling} is not supported.");
        }
    }
}
