using System.Runtime.InteropServices;
using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>
/// Random weights of any shape: every tensor is a view of one buffer of small random numbers, so that a large model needs no file and
/// loads as fast as it packs.
/// </summary>
internal sealed unsafe class SyntheticWeights : IModelWeights, IDisposable
{
    private readonly void* _matrices;
    private readonly float* _ones;

    public SyntheticWeights(ModelConfig config)
    {
        Config = config;
        int wide = Math.Max(config.HiddenSize, config.IntermediateSize);
        long elements = (long)config.HiddenSize * Math.Max(config.VocabularySize, wide);
        _matrices = NativeMemory.Alloc((nuint)elements, 4);
        _ones = (float*)NativeMemory.Alloc((nuint)(wide * 4L), 4);
        new Span<float>(_ones, wide * 4).Fill(1);

        // Uniform with variance 1 / hidden: rows keep their size through the layers.
        float scale = MathF.Sqrt(12f / config.HiddenSize);
        ulong state = 1;
        for (long i = 0; i < elements; i++)
        {
            state = state * 6364136223846793005 + 1442695040888963407;
            float value = ((state >> 40) / (float)(1 << 24) - 0.5f) * scale;
            if (config.WeightType == TensorType.BFloat16) ((ushort*)_matrices)[i] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
            else ((float*)_matrices)[i] = value;
        }
    }

    public string Source => "synthetic";

    public ModelConfig Config { get; }

    public TensorView? Find(ModelTensor tensor) => tensor switch
    {
        ModelTensor.TokenEmbedding => Matrix(Config.VocabularySize, Config.HiddenSize),
        ModelTensor.PositionEmbedding => Config.Rotary is null ? Matrix(Config.ContextLength, Config.HiddenSize) : null,
        ModelTensor.FinalNormWeight => Vector(Config.HiddenSize),
        ModelTensor.FinalNormBias => Config.Norm == NormKind.LayerNorm ? Vector(Config.HiddenSize) : null,
        _ => Matrix(Config.VocabularySize, Config.HiddenSize),
    };

    public TensorView? Find(int layer, LayerTensor tensor)
    {
        int hidden = Config.HiddenSize;
        int queries = Config.HeadCount * Config.HeadSize;
        int keys = Config.KeyValueHeadCount * Config.HeadSize;
        bool layerNorm = Config.Norm == NormKind.LayerNorm;
        return tensor switch
        {
            LayerTensor.AttentionNormWeight or LayerTensor.MlpNormWeight => Vector(hidden),
            LayerTensor.AttentionNormBias or LayerTensor.MlpNormBias => layerNorm ? Vector(hidden) : null,
            LayerTensor.QueryWeight => Matrix(queries, hidden),
            LayerTensor.KeyWeight or LayerTensor.ValueWeight => Matrix(keys, hidden),
            LayerTensor.QueryBias => Config.QueryKeyValueBias ? Vector(queries) : null,
            LayerTensor.KeyBias or LayerTensor.ValueBias => Config.QueryKeyValueBias ? Vector(keys) : null,
            LayerTensor.OutputWeight => Matrix(hidden, queries),
            LayerTensor.OutputBias => Config.AttentionOutputBias ? Vector(hidden) : null,
            LayerTensor.GateWeight => Config.GatedMlp ? Matrix(Config.IntermediateSize, hidden) : null,
            LayerTensor.GateBias => Config.GatedMlp && Config.MlpBias ? Vector(Config.IntermediateSize) : null,
            LayerTensor.UpWeight => Matrix(Config.IntermediateSize, hidden),
            LayerTensor.UpBias => Config.MlpBias ? Vector(Config.IntermediateSize) : null,
            LayerTensor.DownWeight => Matrix(hidden, Config.IntermediateSize),
            LayerTensor.DownBias => Config.MlpBias ? Vector(hidden) : null,
            _ => Config.QueryKeyNorm ? Vector(Config.HeadSize) : null,
        };
    }

    public void Dispose()
    {
        NativeMemory.Free(_matrices);
        NativeMemory.Free(_ones);
    }

    private TensorView Matrix(int rows, int columns) => new(Config.WeightType, (nint)_matrices, rows, columns, columns, 1);

    private TensorView Vector(int count) => new(TensorType.Float32, (nint)_ones, 1, count, count, 1);
}
