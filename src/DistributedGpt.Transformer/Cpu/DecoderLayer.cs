using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// One decoder layer (Vaswani et al., 2017; pre-norm as in Radford et al., 2019): x += attention(norm(x)); x += mlp(norm(x)). What
/// families differ in is data of <see cref="ModelConfig"/>.
/// </summary>
internal sealed unsafe class DecoderLayer : ILayerRuntime
{
    private readonly CpuContext _cpu;
    private readonly ModelConfig _config;
    private readonly int _layer;
    private readonly PagedKvCache _cache;
    private readonly RotaryTable? _rotary;
    private readonly CpuNorm _attentionNorm;
    private readonly CpuLinear _queryKeyValue;
    private readonly CpuVector? _queryNorm;
    private readonly CpuVector? _keyNorm;
    private readonly CpuLinear _output;
    private readonly CpuNorm _mlpNorm;
    private readonly CpuLinear? _gate;
    private readonly CpuLinear _up;
    private readonly CpuLinear _down;
    private readonly long _weightBytes;

    /// <summary>Loads layer <paramref name="layer"/> of <paramref name="weights"/>.</summary>
    public DecoderLayer(CpuContext cpu, IModelWeights weights, int layer, KvCacheOptions cache)
    {
        _cpu = cpu;
        _config = weights.Config;
        _layer = layer;
        _cache = new PagedKvCache(cache, _config.KeyValueHeadCount, _config.HeadSize);
        _rotary = _config.Rotary is null ? null : cpu.Rotary(_config.Rotary, _config.HeadSize);

        TensorView? Find(LayerTensor tensor) => weights.Find(layer, tensor);
        CpuLinear Load(LayerTensor weight, LayerTensor bias, bool widen = false) => CpuLinear.Load(cpu, [Find(weight)], [Find(bias)], widen);

        _attentionNorm = new CpuNorm(_config, Find(LayerTensor.AttentionNormWeight), Find(LayerTensor.AttentionNormBias));
        _queryKeyValue = CpuLinear.Load(
            cpu,
            [Find(LayerTensor.QueryWeight), Find(LayerTensor.KeyWeight), Find(LayerTensor.ValueWeight)],
            [Find(LayerTensor.QueryBias), Find(LayerTensor.KeyBias), Find(LayerTensor.ValueBias)]);
        _queryNorm = CpuVector.Load(Find(LayerTensor.QueryNormWeight));
        _keyNorm = CpuVector.Load(Find(LayerTensor.KeyNormWeight));
        _output = Load(LayerTensor.OutputWeight, LayerTensor.OutputBias);
        _mlpNorm = new CpuNorm(_config, Find(LayerTensor.MlpNormWeight), Find(LayerTensor.MlpNormBias));

        // Gate and up are multiplied in one pass, so they must be of one type.
        bool mixed = _config.GatedMlp && Find(LayerTensor.GateWeight)?.Type != Find(LayerTensor.UpWeight)?.Type;
        _gate = _config.GatedMlp ? Load(LayerTensor.GateWeight, LayerTensor.GateBias, mixed) : null;
        _up = Load(LayerTensor.UpWeight, LayerTensor.UpBias, mixed);
        _down = Load(LayerTensor.DownWeight, LayerTensor.DownBias);
        _weightBytes = _attentionNorm.Bytes + _queryKeyValue.Bytes + (_queryNorm?.Bytes ?? 0) + (_keyNorm?.Bytes ?? 0) + _output.Bytes
            + _mlpNorm.Bytes + (_gate?.Bytes ?? 0) + _up.Bytes + _down.Bytes;
    }

    /// <inheritdoc/>
    public long Bytes => _weightBytes + _cache.Bytes;

    /// <inheritdoc/>
    public void Forward(StepBatch step, IHiddenStates x)
    {
        float* h = CpuBackend.Data(step, x, _config);                       // [rows, hidden]: the residual stream
        int rows = x.Rows;
        _cpu.Step.Prepare(step, _cache, AttentionOperation.RowsPerTile(_config.HeadCount / _config.KeyValueHeadCount));
        float* n = _cpu.Normed.Get<float>((long)rows * _config.HiddenSize); // [rows, hidden]

        _cpu.Norm(h, rows, _attentionNorm, n);
        float* a = Attend(n, rows);                                         // [rows, heads * head_size]
        _cpu.Linear(a, rows, _output.Weight, _output.Bias, h, LinearEpilogue.Add);

        _cpu.Norm(h, rows, _mlpNorm, n);
        float* m = Expand(n, rows);                                         // [rows, intermediate]
        _cpu.Linear(m, rows, _down.Weight, _down.Bias, h, LinearEpilogue.Add);
    }

    /// <inheritdoc/>
    public int BlockBytes => (int)_cache.Layout.BlockBytes;

    /// <inheritdoc/>
    public void ReadBlock(int block, Span<byte> destination) => _cache.Block(block).CopyTo(destination);

    /// <inheritdoc/>
    public void WriteBlock(int block, ReadOnlySpan<byte> source) => source.CopyTo(_cache.Block(block));

    /// <inheritdoc/>
    public void Dispose()
    {
        _cache.Dispose();
        _attentionNorm.Dispose();
        _queryKeyValue.Dispose();
        _queryNorm?.Dispose();
        _keyNorm?.Dispose();
        _output.Dispose();
        _mlpNorm.Dispose();
        _gate?.Dispose();
        _up.Dispose();
        _down.Dispose();
    }

    // softmax(Q K^T * scale + causal mask) V over the cached positions, after norms and rotation of Q and K.
    private float* Attend(float* n, int rows)
    {
        float* qkv = _cpu.QueryKeyValue.Get<float>((long)rows * _queryKeyValue.Weight.Rows);            // [rows, (heads + 2 * kv_heads) * head_size]
        float* a = _cpu.Attended.Get<float>((long)rows * _config.HeadCount * _config.HeadSize);         // [rows, heads * head_size]
        _cpu.Linear(n, rows, _queryKeyValue.Weight, _queryKeyValue.Bias, qkv);

        _rotary?.Grow(_cpu.Step.MaxLength);
        _cpu.Kernels.WriteCache(
            _cpu.Team,
            new CacheWriteOperation
            {
                QueryKeyValue = qkv,
                RowCount = rows,
                Rows = _cpu.Step.Rows,
                Heads = _config.HeadCount,
                QueryNorm = _queryNorm is null ? null : _queryNorm.Data,
                KeyNorm = _keyNorm is null ? null : _keyNorm.Data,
                NormEpsilon = _config.NormEpsilon,
                Cosines = _rotary is null ? null : _rotary.Cosines,
                Sines = _rotary is null ? null : _rotary.Sines,
                Cache = _cache.Layout,
            },
            _cache.IsBFloat16);

        var attention = new AttentionOperation
        {
            QueryKeyValue = qkv,
            Output = a,
            Rows = _cpu.Step.Rows,
            Tiles = _cpu.Step.Tiles,
            TileCount = _cpu.Step.TileCount,
            Heads = _config.HeadCount,
            Scale = _config.AttentionScale(_layer),
            Cache = _cache.Layout,
            MaxLength = _cpu.Step.MaxLength,
        };
        attention.Scratch = _cpu.AttentionScratch(attention.ScratchFloats);
        _cpu.Kernels.Attend(_cpu.Team, attention, _cache.IsBFloat16);
        return a;
    }

    // activation(gate(n)) * up(n), or activation(up(n)).
    private float* Expand(float* n, int rows)
    {
        float* m = _cpu.Wide.Get<float>((long)rows * _config.IntermediateSize); // [rows, intermediate]
        bool silu = _config.Activation == ActivationKind.Silu;
        if (_gate is not null)
        {
            _cpu.GatedLinear(n, rows, _gate, _up, m, silu ? LinearEpilogue.GatedSilu : LinearEpilogue.GatedGeluTanh);
        }
        else
        {
            _cpu.Linear(n, rows, _up.Weight, _up.Bias, m, silu ? LinearEpilogue.Silu : LinearEpilogue.GeluTanh);
        }

        return m;
    }
}
