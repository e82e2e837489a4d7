using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

/// <summary>Random weights of any shape, every tensor its own; biases and norms are random too.</summary>
internal sealed unsafe class RandomWeights(ModelConfig config, int seed = 1) : IModelWeights
{
    // Pinning holds an array in place but not alive, and a view is only an address: it may be read after these weights are gone.
    private static readonly ConcurrentBag<Array> Arrays = [];

    private readonly Dictionary<(int, int), TensorView> _tensors = [];
    private readonly Random _random = new(seed);

    public string Source => $"random {seed}";

    public ModelConfig Config => config;

    public TensorView? Find(ModelTensor tensor) => tensor switch
    {
        ModelTensor.TokenEmbedding => Matrix(-1, (int)tensor, config.VocabularySize, config.HiddenSize),
        ModelTensor.PositionEmbedding => config.Rotary is null ? Matrix(-1, (int)tensor, config.ContextLength, config.HiddenSize) : null,
        ModelTensor.FinalNormWeight => Vector(-1, (int)tensor, config.HiddenSize),
        ModelTensor.FinalNormBias => config.Norm == NormKind.LayerNorm ? Vector(-1, (int)tensor, config.HiddenSize) : null,
        _ => Matrix(-1, config.TiedEmbeddings ? (int)ModelTensor.TokenEmbedding : (int)tensor, config.VocabularySize, config.HiddenSize),
    };

    public TensorView? Find(int layer, LayerTensor tensor)
    {
        int hidden = config.HiddenSize;
        int inner = config.IntermediateSize;
        int queries = config.HeadCount * config.HeadSize;
        int keys = config.KeyValueHeadCount * config.HeadSize;
        bool layerNorm = config.Norm == NormKind.LayerNorm;
        (int rows, int columns, bool exists) = tensor switch
        {
            LayerTensor.AttentionNormWeight or LayerTensor.MlpNormWeight => (1, hidden, true),
            LayerTensor.AttentionNormBias or LayerTensor.MlpNormBias => (1, hidden, layerNorm),
            LayerTensor.QueryWeight => (queries, hidden, true),
            LayerTensor.QueryBias => (1, queries, config.QueryKeyValueBias),
            LayerTensor.KeyWeight or LayerTensor.ValueWeight => (keys, hidden, true),
            LayerTensor.KeyBias or LayerTensor.ValueBias => (1, keys, config.QueryKeyValueBias),
            LayerTensor.QueryNormWeight or LayerTensor.KeyNormWeight => (1, config.HeadSize, config.QueryKeyNorm),
            LayerTensor.OutputWeight => (hidden, queries, true),
            LayerTensor.OutputBias => (1, hidden, config.AttentionOutputBias),
            LayerTensor.GateWeight => (inner, hidden, config.GatedMlp),
            LayerTensor.GateBias => (1, inner, config.GatedMlp && config.MlpBias),
            LayerTensor.UpWeight => (inner, hidden, true),
            LayerTensor.UpBias => (1, inner, config.MlpBias),
            LayerTensor.DownWeight => (hidden, inner, true),
            _ => (1, hidden, config.MlpBias),
        };
        if (!exists) return null;
        return rows == 1 ? Vector(layer, (int)tensor, columns) : Matrix(layer, (int)tensor, rows, columns);
    }

    private TensorView Matrix(int layer, int tensor, int rows, int columns)
    {
        ref TensorView view = ref CollectionsMarshal.GetValueRefOrAddDefault(_tensors, (layer, tensor), out bool exists);
        if (exists) return view;
        float scale = 1.5f / MathF.Sqrt(columns);
        if (config.WeightType == TensorType.Float32)
        {
            float[] values = Values(new float[0], rows * columns, () => Next(scale));
            return view = new TensorView(TensorType.Float32, Marshal.UnsafeAddrOfPinnedArrayElement(values, 0), rows, columns, columns, 1);
        }

        ushort[] bits = config.WeightType == TensorType.BFloat16
            ? Values(new ushort[0], rows * columns, () => BFloat16Bits.FromSingle(Next(scale)))
            : Values(new ushort[0], rows * columns, () => BitConverter.HalfToUInt16Bits((Half)Next(scale)));
        return view = new TensorView(config.WeightType, Marshal.UnsafeAddrOfPinnedArrayElement(bits, 0), rows, columns, columns, 1);
    }

    private TensorView Vector(int layer, int tensor, int count)
    {
        ref TensorView view = ref CollectionsMarshal.GetValueRefOrAddDefault(_tensors, (layer, tensor + 100), out bool exists);
        if (exists) return view;
        float[] values = Values(new float[0], count, () => 0.5f + Next(1));
        return view = new TensorView(TensorType.Float32, Marshal.UnsafeAddrOfPinnedArrayElement(values, 0), 1, count, count, 1);
    }

    private T[] Values<T>(T[] _, int count, Func<T> next)
        where T : unmanaged
    {
        T[] values = GC.AllocateUninitializedArray<T>(count, pinned: true);
        for (int i = 0; i < count; i++) values[i] = next();
        Arrays.Add(values);
        return values;
    }

    private float Next(float scale) => (_random.NextSingle() * 2 - 1) * scale;
}
