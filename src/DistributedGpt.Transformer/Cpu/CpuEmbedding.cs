using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>The embedding on the CPU: rows of the token table, plus rows of the position table where positions are learned.</summary>
internal sealed unsafe class CpuEmbedding : IEmbeddingRuntime
{
    private readonly ModelConfig _config;
    private readonly SharedMatrix _tokens;
    private readonly PackedMatrix? _positions;
    private readonly float[] _row;

    /// <summary>Loads the tables.</summary>
    public CpuEmbedding(CpuContext cpu, IModelWeights weights)
    {
        _config = weights.Config;
        _positions = weights.Find(ModelTensor.PositionEmbedding) is { } positions ? cpu.Pack([positions]) : null;
        _tokens = cpu.AcquireEmbedding(weights);
        _row = new float[_config.HiddenSize];
    }

    /// <inheritdoc/>
    public long Bytes => _tokens.Matrix.Bytes + (_positions?.Bytes ?? 0);

    /// <inheritdoc/>
    public void Forward(StepBatch step, IHiddenStates x)
    {
        float* h = CpuBackend.Data(step, x, _config);   // [rows, hidden]
        foreach (StepSequence sequence in step.Sequences)
        {
            for (int i = 0; i < sequence.TokenIds.Length; i++, h += _config.HiddenSize)
            {
                _tokens.Matrix.CopyRow(sequence.TokenIds[i], h);
                if (_positions is null) continue;
                fixed (float* position = _row)
                {
                    _positions.CopyRow(sequence.FirstPosition + i, position);
                    for (int column = 0; column < _config.HiddenSize; column++) h[column] += position[column];
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _tokens.Dispose();
        _positions?.Dispose();
    }
}
