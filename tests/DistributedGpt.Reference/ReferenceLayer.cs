using DistributedGpt.Models;

namespace DistributedGpt.Reference;

/// <summary>One decoder layer: x + attention(norm(x)), then x + mlp(norm(x)).</summary>
internal sealed class ReferenceLayer
{
    private readonly ModelConfig _config;
    private readonly int _layer;
    private readonly Dictionary<LayerTensor, Matrix?> _tensors;
    private readonly double[] _frequencies;

    public ReferenceLayer(IModelWeights weights, int layer)
    {
        _config = weights.Config;
        _layer = layer;
        _tensors = Enum.GetValues<LayerTensor>().ToDictionary(tensor => tensor, tensor => Matrix.Read(weights.Find(layer, tensor)));
        _frequencies = _config.Rotary is { } rotary ? Frequencies(rotary, _config.HeadSize) : [];
    }

    /// <summary>Runs the layer over the rows <c>[tokens][hidden]</c> of a whole sequence, in place.</summary>
    public void Run(double[][] x)
    {
        double[][] attention = Attention([.. x.Select(row => Normalise(row, LayerTensor.AttentionNormWeight, LayerTensor.AttentionNormBias))]);
        for (int t = 0; t < x.Length; t++) Vectors.AddTo(x[t], attention[t]);
        foreach (double[] row in x) Vectors.AddTo(row, Mlp(Normalise(row, LayerTensor.MlpNormWeight, LayerTensor.MlpNormBias)));
    }

    /// <summary>concat(head_1, ..., head_h) W_O with head_i = softmax(Q_i K_i^T scale + causal mask) V_i.</summary>
    private double[][] Attention(double[][] x)
    {
        int size = _config.HeadSize;
        double scale = _config.ScaleAttention ? 1 / Math.Sqrt(size) : 1;
        if (_config.ScaleAttentionByInverseLayerIndex) scale /= _layer + 1;

        double[][] concatenated = [.. x.Select(_ => new double[_config.HeadCount * size])];
        for (int head = 0; head < _config.HeadCount; head++)
        {
            // Query heads share key and value heads in groups of consecutive ones.
            int shared = head / (_config.HeadCount / _config.KeyValueHeadCount);
            double[][] q = Head(x, head, LayerTensor.QueryWeight, LayerTensor.QueryBias, LayerTensor.QueryNormWeight, rotates: true);
            double[][] k = Head(x, shared, LayerTensor.KeyWeight, LayerTensor.KeyBias, LayerTensor.KeyNormWeight, rotates: true);
            double[][] v = Head(x, shared, LayerTensor.ValueWeight, LayerTensor.ValueBias, norm: null, rotates: false);
            for (int t = 0; t < x.Length; t++)
            {
                double[] probabilities = Vectors.Softmax([.. Enumerable.Range(0, t + 1).Select(s => scale * Vectors.Dot(q[t], k[s]))]);
                for (int s = 0; s <= t; s++)
                {
                    for (int i = 0; i < size; i++) concatenated[t][head * size + i] += probabilities[s] * v[s][i];
                }
            }
        }

        return [.. concatenated.Select(row => Project(row, LayerTensor.OutputWeight, LayerTensor.OutputBias))];
    }

    /// <summary>One head's rows <c>[tokens][head_size]</c> of the queries, keys or values.</summary>
    private double[][] Head(double[][] x, int head, LayerTensor weight, LayerTensor bias, LayerTensor? norm, bool rotates)
    {
        int size = _config.HeadSize;
        double[][] rows = new double[x.Length][];
        for (int position = 0; position < x.Length; position++)
        {
            double[] row = new double[size];
            for (int i = 0; i < size; i++)
            {
                row[i] = Vectors.Dot(_tensors[weight]!.Row(head * size + i), x[position]) + (_tensors[bias]?.Row(0)[head * size + i] ?? 0);
            }

            if (norm is { } name && _config.QueryKeyNorm) row = Vectors.Normalise(NormKind.RmsNorm, row, _tensors[name]!, null, _config.NormEpsilon);
            rows[position] = rotates && _config.Rotary is not null ? Rotate(row, position) : row;
        }

        return rows;
    }

    /// <summary>Turns each pair (i, i + head_size/2) by position times its frequency.</summary>
    private double[] Rotate(double[] row, int position)
    {
        int half = row.Length / 2;
        double[] turned = new double[row.Length];
        for (int i = 0; i < half; i++)
        {
            (double sin, double cos) = Math.SinCos(position * _frequencies[i]);
            turned[i] = row[i] * cos - row[i + half] * sin;
            turned[i + half] = row[i + half] * cos + row[i] * sin;
        }

        return turned;
    }

    private static double[] Frequencies(RotaryConfig rotary, int headSize)
    {
        double[] frequencies = new double[headSize / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            double frequency = Math.Pow(rotary.Theta, -2.0 * i / headSize);
            frequencies[i] = rotary.Scaling switch
            {
                RotaryScaling.Default => frequency,
                RotaryScaling.Linear => frequency / rotary.Factor,
                RotaryScaling.Llama3 => Llama3(frequency, rotary),
                _ => throw new NotSupportedException($"{rotary.Scaling}"),
            };
        }

        return frequencies;
    }

    /// <summary>Wavelengths beyond original / low are stretched, those below original / high kept, between them a ramp.</summary>
    private static double Llama3(double frequency, RotaryConfig rotary)
    {
        double wavelength = 2 * Math.PI / frequency;
        double turns = rotary.OriginalContextLength / wavelength;
        if (turns < rotary.LowFrequencyFactor) return frequency / rotary.Factor;
        if (turns > rotary.HighFrequencyFactor) return frequency;
        double smooth = (turns - rotary.LowFrequencyFactor) / (rotary.HighFrequencyFactor - rotary.LowFrequencyFactor);
        return (1 - smooth) * frequency / rotary.Factor + smooth * frequency;
    }

    private double[] Mlp(double[] x)
    {
        double[] up = Project(x, LayerTensor.UpWeight, LayerTensor.UpBias);
        double[] gate = _config.GatedMlp ? Project(x, LayerTensor.GateWeight, LayerTensor.GateBias) : up;
        double[] inner = Array.ConvertAll(gate, Activate);
        if (_config.GatedMlp) inner = [.. inner.Zip(up, (a, b) => a * b)];
        return Project(inner, LayerTensor.DownWeight, LayerTensor.DownBias);
    }

    private double Activate(double x) => _config.Activation switch
    {
        ActivationKind.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        ActivationKind.Silu => x / (1 + Math.Exp(-x)),
        _ => throw new NotSupportedException($"{_config.Activation}"),
    };

    private double[] Project(double[] x, LayerTensor weight, LayerTensor bias)
    {
        double[] y = _tensors[weight]!.Times(x);
        if (_tensors[bias] is { } b) Vectors.AddTo(y, b.Row(0));
        return y;
    }

    private double[] Normalise(double[] x, LayerTensor weight, LayerTensor bias) =>
        Vectors.Normalise(_config.Norm, x, _tensors[weight]!, _tensors[bias], _config.NormEpsilon);
}
