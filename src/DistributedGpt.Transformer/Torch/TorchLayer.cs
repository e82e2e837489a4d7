using DistributedGpt.Engine;
using DistributedGpt.Models;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DistributedGpt.Transformer;

/// <summary>
/// A decoder layer by libtorch, with its KV cache as one tensor <c>[blocks, 2, kv_heads, 16, head_size]</c>. Attention gathers a
/// group's blocks by its block tables; the query heads that share a key/value head are rows of one product with it, so keys and
/// values are never repeated.
/// </summary>
internal sealed class TorchLayer : ILayerRuntime
{
    private readonly ModelConfig _config;
    private readonly ScalarType _computeType;
    private readonly Scalar? _queryFactor;
    private readonly TorchRotary? _rotary;
    private readonly TorchNorm _attentionNorm;
    private readonly TorchNorm _mlpNorm;
    private readonly TorchNorm? _queryNorm;
    private readonly TorchNorm? _keyNorm;
    private readonly TorchLinear _queryKeyValue;
    private readonly TorchLinear _output;
    private readonly TorchLinear _up;
    private readonly TorchLinear _down;
    private readonly Tensor _cache;

    /// <summary>Loads layer <paramref name="layer"/> with an empty cache.</summary>
    public TorchLayer(IModelWeights weights, int layer, KvCacheOptions cache, TorchWeightLoader loader, Device device)
    {
        ModelConfig config = _config = weights.Config;
        _computeType = loader.ComputeType;
        // libtorch's attention divides by the root of the head size by itself.
        double factor = config.AttentionScale(layer) * Math.Sqrt(config.HeadSize);
        _queryFactor = factor == 1 ? null : factor;
        _rotary = config.Rotary is null ? null : new(config.Rotary, config.HeadSize, device);
        _attentionNorm = Norm(LayerTensor.AttentionNormWeight, LayerTensor.AttentionNormBias)!;
        _mlpNorm = Norm(LayerTensor.MlpNormWeight, LayerTensor.MlpNormBias)!;
        _queryNorm = Norm(LayerTensor.QueryNormWeight, null);
        _keyNorm = Norm(LayerTensor.KeyNormWeight, null);
        _queryKeyValue = new(
            loader.LoadMatrix(Find(LayerTensor.QueryWeight), Find(LayerTensor.KeyWeight), Find(LayerTensor.ValueWeight)),
            loader.LoadBias(weights.Find(layer, LayerTensor.QueryBias), weights.Find(layer, LayerTensor.KeyBias), weights.Find(layer, LayerTensor.ValueBias)));
        _output = new(loader.LoadMatrix(Find(LayerTensor.OutputWeight)), loader.LoadBias(weights.Find(layer, LayerTensor.OutputBias)));
        _up = config.GatedMlp
            ? new(loader.LoadMatrix(Find(LayerTensor.GateWeight), Find(LayerTensor.UpWeight)),
                loader.LoadBias(weights.Find(layer, LayerTensor.GateBias), weights.Find(layer, LayerTensor.UpBias)))
            : new(loader.LoadMatrix(Find(LayerTensor.UpWeight)), loader.LoadBias(weights.Find(layer, LayerTensor.UpBias)));
        _down = new(loader.LoadMatrix(Find(LayerTensor.DownWeight)), loader.LoadBias(weights.Find(layer, LayerTensor.DownBias)));
        using var inference = inference_mode();
        // Zeros, for a masked position counts nothing only if what stands there is finite.
        _cache = zeros([cache.Blocks, 2, config.KeyValueHeadCount, StepBatch.BlockSize, config.HeadSize],
            cache.Type == TensorType.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32, device).DetachFromDisposeScope();

        TensorView Find(LayerTensor tensor) => weights.Find(layer, tensor)!.Value;

        TorchNorm? Norm(LayerTensor weight, LayerTensor? bias) => loader.LoadNorm(weights.Find(layer, weight)) is Tensor loaded
            ? new(weight is LayerTensor.QueryNormWeight or LayerTensor.KeyNormWeight ? NormKind.RmsNorm : config.Norm, config.NormEpsilon,
                loaded, bias is LayerTensor named ? loader.LoadNorm(weights.Find(layer, named)) : null)
            : null;
    }

    /// <inheritdoc/>
    public long Bytes => _attentionNorm.Bytes + _mlpNorm.Bytes + (_queryNorm?.Bytes ?? 0) + (_keyNorm?.Bytes ?? 0)
        + _queryKeyValue.Bytes + _output.Bytes + _up.Bytes + _down.Bytes + TorchBytes.Of(_cache);

    /// <inheritdoc/>
    public void Forward(StepBatch step, IHiddenStates x)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        TorchHiddenStates states = (TorchHiddenStates)x;
        TorchStep prepared = states.Prepare(step);
        Tensor residual = states.Tensor;
        residual.PlusInPlace(Attention(_attentionNorm.Forward(residual), prepared));
        residual.PlusInPlace(Mlp(_mlpNorm.Forward(residual)));
    }

    /// <inheritdoc/>
    public int BlockBytes => (int)(TorchBytes.Of(_cache) / _cache.shape[0]);

    /// <inheritdoc/>
    public void ReadBlock(int block, Span<byte> destination)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        Block(block).cpu().bytes.CopyTo(destination);
    }

    /// <inheritdoc/>
    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        Tensor place = Block(block), host = empty(place.shape, place.dtype);
        source.CopyTo(host.bytes);
        place.copy_(host);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable? part in (ReadOnlySpan<IDisposable?>)
            [_attentionNorm, _mlpNorm, _queryNorm, _keyNorm, _queryKeyValue, _output, _up, _down, _cache])
        {
            part?.Dispose();
        }
    }

    /// <summary>A block <c>[2, kv_heads, 16, head_size]</c>, as a view of the cache.</summary>
    private Tensor Block(int block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)_cache.shape[0], nameof(block));
        return _cache.select(0, block);
    }

    private Tensor Attention(Tensor x, TorchStep step)
    {
        int heads = _config.HeadCount, shared = _config.KeyValueHeadCount, size = _config.HeadSize;
        Tensor projected = _queryKeyValue.Forward(x).view(-1, heads + 2 * shared, size);
        Tensor queries = projected.narrow(1, 0, heads), keys = projected.narrow(1, heads, shared), values = projected.narrow(1, heads + shared, shared);
        if (_queryNorm is not null) queries = _queryNorm.Forward(queries);
        if (_keyNorm is not null) keys = _keyNorm.Forward(keys);
        if (_rotary is not null)
        {
            (Tensor, Tensor) angles = step.Angles(_rotary);
            queries = _rotary.Turn(queries, angles);
            keys = _rotary.Turn(keys, angles);
        }
        if (_queryFactor is not null) queries = queries * _queryFactor;
        Write(0, keys, step);
        Write(1, values, step);

        Tensor attended = empty([x.shape[0], heads, size], ScalarType.Float32, x.device);
        foreach (TorchAttentionGroup group in step.Groups)
        {
            Tensor result = Attend(Rows(queries, group), group);
            if (group.Rows is null) attended.narrow(0, group.FirstRow, result.shape[0]).copy_(result);
            else attended.index_copy_(0, group.Rows, result);
        }
        return _output.Forward(attended.view(-1, heads * size));
    }

    /// <summary>Writes keys (<paramref name="part"/> 0) or values (1) <c>[rows, kv_heads, head_size]</c> of the step's rows to the cache.</summary>
    private void Write(int part, Tensor rows, TorchStep step) =>
        // [blocks, 16, kv_heads, head_size], indexed by block and place
        _cache.select(1, part).transpose(1, 2).index_put_(rows.to(_cache.dtype), step.CacheBlocks, step.CacheOffsets);

    private static Tensor Rows(Tensor queries, TorchAttentionGroup group) => group.Rows is null
        ? queries.narrow(0, group.FirstRow, group.Sequences * group.RowsEach)
        : queries.index_select(0, group.Rows);

    /// <summary>Attention of <paramref name="queries"/> <c>[sequences * rows, heads, head_size]</c> over their sequences' cached positions.</summary>
    private Tensor Attend(Tensor queries, TorchAttentionGroup group)
    {
        int heads = _config.HeadCount, shared = _config.KeyValueHeadCount, size = _config.HeadSize, sharing = heads / shared;
        int sequences = group.Sequences, rows = group.RowsEach;

        // [2, sequences, kv_heads, positions, head_size]
        Tensor cached = _cache.index_select(0, group.Blocks).to(_computeType)
            .view(sequences, -1, 2, shared, StepBatch.BlockSize, size).permute(2, 0, 3, 1, 4, 5).reshape(2, sequences, shared, -1, size);
        // [sequences, kv_heads, sharing heads * rows, head_size]
        Tensor grouped = queries.to(_computeType).view(sequences, rows, shared, sharing, size).permute(0, 2, 3, 1, 4).reshape(sequences, shared, sharing * rows, size);
        Tensor mask = group.Mask.to(_computeType).repeat(1, 1, sharing, 1);
        Tensor attended = functional.scaled_dot_product_attention(grouped, cached[0], cached[1], mask);
        return attended.view(sequences, shared, sharing, rows, size).permute(0, 3, 1, 2, 4).reshape(sequences * rows, heads, size);
    }

    private Tensor Mlp(Tensor x)
    {
        Tensor up = _up.Forward(x);
        if (!_config.GatedMlp) return _down.Forward(Activate(up));
        int width = _config.IntermediateSize;
        return _down.Forward(Activate(up.narrow(1, 0, width)) * up.narrow(1, width, width));
    }

    private Tensor Activate(Tensor x) => _config.Activation switch
    {
        ActivationKind.GeluTanh => functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh, false),
        ActivationKind.Silu => functional.silu(x),
        _ => throw new NotSupportedException($"activation {_config.Activation}"),
    };
}
