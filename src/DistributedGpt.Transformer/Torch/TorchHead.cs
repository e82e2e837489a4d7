using System.Runtime.InteropServices;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Final norm and unembedding by libtorch; the logits of the wanted rows come to the host, where they are sampled.</summary>
internal sealed class TorchHead : IHeadRuntime
{
    private readonly int _vocabulary;
    private readonly TorchNorm _norm;
    private readonly TorchLinear _unembedding;
    private readonly Sampler _sampler;
    private readonly SamplerStates _states = new();

    /// <summary>Loads the head.</summary>
    public TorchHead(IModelWeights weights, TorchWeightLoader loader)
    {
        ModelConfig config = weights.Config;
        _vocabulary = config.VocabularySize;
        _norm = new(config.Norm, config.NormEpsilon, loader.LoadNorm(weights.Find(ModelTensor.FinalNormWeight))!, loader.LoadNorm(weights.Find(ModelTensor.FinalNormBias)));
        _unembedding = new(loader.LoadMatrix(weights.Find(ModelTensor.Unembedding)!.Value), null);
        _sampler = new(_vocabulary);
    }

    /// <inheritdoc/>
    public long Bytes => _norm.Bytes + _unembedding.Bytes;

    /// <inheritdoc/>
    public SampledToken[] Forward(StepBatch step, IHiddenStates x)
    {
        _states.Forget(step.Forgotten);
        List<long> rows = [];
        int end = 0;
        foreach (StepSequence sequence in step.Sequences)
        {
            end += sequence.TokenIds.Length;
            if (sequence.Sampling is not null) rows.Add(end - 1);
        }
        if (rows.Count == 0) return [];

        float[] logits = Logits((TorchHiddenStates)x, [.. rows]);
        SampledToken[] sampled = new SampledToken[rows.Count];
        int next = 0;
        foreach (StepSequence sequence in step.Sequences)
        {
            if (sequence.Sampling is null) continue;
            sampled[next] = _sampler.Sample(sequence, _states.Advance(sequence), logits.AsSpan(next * _vocabulary, _vocabulary));
            next++;
        }
        return sampled;
    }

    /// <inheritdoc/>
    public void ComputeLogits(IHiddenStates x, int row, Span<float> logits) => Logits((TorchHiddenStates)x, [row]).CopyTo(logits);

    /// <inheritdoc/>
    public void Attach() => _states.Clear();

    /// <inheritdoc/>
    public void Dispose()
    {
        _norm.Dispose();
        _unembedding.Dispose();
    }

    private float[] Logits(TorchHiddenStates states, long[] rows)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        Tensor wanted = states.Tensor.index_select(0, tensor(rows).to(states.Tensor.device));
        Tensor logits = _unembedding.Forward(_norm.Forward(wanted)).cpu();
        return MemoryMarshal.Cast<byte, float>(logits.bytes).ToArray();
    }
}
