using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>Final norm, unembedding and sampling on the CPU; logits are computed only of rows that ask for a token.</summary>
internal sealed unsafe class CpuHead : IHeadRuntime
{
    // Rows whose logits are held at a time.
    private const int RowsAtATime = 24;

    private readonly CpuContext _cpu;
    private readonly ModelConfig _config;
    private readonly CpuNorm _norm;
    private readonly SharedMatrix? _tied;
    private readonly PackedMatrix _unembedding;
    private readonly ScratchBuffer _gathered = new();
    private readonly Sampler _sampler;
    private readonly SamplerStates _samplerStates = new();

    /// <summary>Loads the final norm and the unembedding.</summary>
    public CpuHead(CpuContext cpu, IModelWeights weights)
    {
        _cpu = cpu;
        _config = weights.Config;
        _sampler = new Sampler(_config.VocabularySize);
        _norm = new CpuNorm(_config, weights.Find(ModelTensor.FinalNormWeight), weights.Find(ModelTensor.FinalNormBias));
        if (_config.TiedEmbeddings)
        {
            _tied = cpu.AcquireEmbedding(weights);
            _unembedding = _tied.Matrix;
        }
        else
        {
            _unembedding = cpu.Pack([weights.Find(ModelTensor.Unembedding) ?? throw new ModelFormatException("The unembedding is missing.")]);
        }
    }

    /// <inheritdoc/>
    public long Bytes => _norm.Bytes + _unembedding.Bytes;

    /// <inheritdoc/>
    public SampledToken[] Forward(StepBatch step, IHiddenStates x)
    {
        float* h = CpuBackend.Data(step, x, _config);   // [rows, hidden]
        int hidden = _config.HiddenSize;
        int wanted = 0;
        _samplerStates.Forget(step.Forgotten);
        foreach (StepSequence sequence in step.Sequences)
        {
            if (sequence.Sampling is not null) wanted++;
        }

        var tokens = new SampledToken[wanted];
        if (wanted == 0) return tokens;
        float* last = _gathered.Get<float>((long)wanted * hidden);  // [wanted, hidden]
        int row = 0;
        int count = 0;
        foreach (StepSequence sequence in step.Sequences)
        {
            row += sequence.TokenIds.Length;
            if (sequence.Sampling is null) continue;
            Buffer.MemoryCopy(h + (long)(row - 1) * hidden, last + (long)count++ * hidden, hidden * sizeof(float), hidden * sizeof(float));
        }

        int done = 0;
        float* logits = null;                           // [rows at a time, vocabulary]
        foreach (StepSequence sequence in step.Sequences)
        {
            if (sequence.Sampling is null) continue;
            if (done % RowsAtATime == 0) logits = Logits(last + (long)done * hidden, Math.Min(RowsAtATime, wanted - done));
            var own = new Span<float>(logits + (long)(done % RowsAtATime) * _config.VocabularySize, _config.VocabularySize);
            tokens[done++] = _sampler.Sample(sequence, _samplerStates.Advance(sequence), own);
        }

        return tokens;
    }

    /// <inheritdoc/>
    public void ComputeLogits(IHiddenStates x, int row, Span<float> logits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)x.Rows, nameof(row));
        float* h = ((CpuHiddenStates)x).Data;           // [rows, hidden]
        new Span<float>(Logits(h + (long)row * _config.HiddenSize, 1), _config.VocabularySize).CopyTo(logits);
    }

    /// <inheritdoc/>
    public void Attach() => _samplerStates.Clear();

    /// <inheritdoc/>
    public void Dispose()
    {
        _norm.Dispose();
        _gathered.Dispose();
        if (_tied is not null) _tied.Dispose();
        else _unembedding.Dispose();
    }

    private float* Logits(float* h, int rows)
    {
        float* n = _cpu.Normed.Get<float>((long)rows * _config.HiddenSize);         // [rows, hidden]
        float* logits = _cpu.Wide.Get<float>((long)rows * _config.VocabularySize);  // [rows, vocabulary]
        _cpu.Norm(h, rows, _norm, n);
        _cpu.Linear(n, rows, _unembedding, null, logits);
        return logits;
    }
}
