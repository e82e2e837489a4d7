using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// What everything on the CPU shares: the kernels, the team that runs them, working memory, rotary tables and matrices that two parts of
/// a model have in common. The operations are those of the transformer, on row-major matrices; only one thread at a time computes.
/// </summary>
internal sealed unsafe class CpuContext : IDisposable
{
    private readonly ScratchBuffer _tiles = new();
    private readonly ScratchBuffer _accumulators = new();
    private readonly ScratchBuffer _attention = new();
    private readonly TensorType? _weightType;
    private readonly Lock _lock = new();
    private readonly Dictionary<(RotaryConfig, int), RotaryTable> _rotary = [];
    private readonly Dictionary<string, SharedMatrix> _shared = [];

    public CpuContext(CpuBackendOptions options, KernelSet kernels)
    {
        if (options.WeightType == TensorType.Float16)
        {
            throw new ArgumentException("Resident weights are float32 or bfloat16, not float16.", nameof(options));
        }

        _weightType = options.WeightType;
        Kernels = kernels;
        Team = new WorkerTeam(options.Threads, options.Cores);
    }

    /// <summary>The kernels at this machine's vector width.</summary>
    public KernelSet Kernels { get; }

    /// <summary>The threads.</summary>
    public WorkerTeam Team { get; }

    /// <summary>The layout of the step's rows.</summary>
    public StepLayout Step { get; } = new();

    /// <summary>Working memory of layers and head: normed rows <c>[rows, hidden]</c>.</summary>
    public ScratchBuffer Normed { get; } = new();

    /// <summary>Working memory: queries, keys and values <c>[rows, (heads + 2 * kv_heads) * head_size]</c>.</summary>
    public ScratchBuffer QueryKeyValue { get; } = new();

    /// <summary>Working memory: attention's results <c>[rows, heads * head_size]</c>.</summary>
    public ScratchBuffer Attended { get; } = new();

    /// <summary>Working memory: the MLP's inner rows <c>[rows, intermediate]</c>, or logits <c>[rows, vocabulary]</c>.</summary>
    public ScratchBuffer Wide { get; } = new();

    /// <summary>Packs matrices of equal width, one below the other, in the type that the options ask for.</summary>
    public PackedMatrix Pack(ReadOnlySpan<TensorView> parts, bool widen = false) =>
        PackedMatrix.Pack(Kernels.PanelRows, _weightType ?? (widen ? TensorType.Float32 : null), parts);

    /// <summary>The rotary table of a model, kept as long as the context.</summary>
    public RotaryTable Rotary(RotaryConfig config, int headSize)
    {
        lock (_lock)
        {
            if (!_rotary.TryGetValue((config, headSize), out RotaryTable? table))
            {
                _rotary.Add((config, headSize), table = new RotaryTable(config, headSize));
            }

            return table;
        }
    }

    /// <summary>The token embedding of <paramref name="weights"/>, packed once for all that hold it.</summary>
    public SharedMatrix AcquireEmbedding(IModelWeights weights)
    {
        lock (_lock)
        {
            if (!_shared.TryGetValue(weights.Source, out SharedMatrix? shared))
            {
                TensorView embedding = weights.Find(ModelTensor.TokenEmbedding) ?? throw new ModelFormatException("The token embedding is missing.");
                shared = new SharedMatrix(this, weights.Source, Pack([embedding]));
                _shared.Add(weights.Source, shared);
            }

            shared.Holders++;
            return shared;
        }
    }

    /// <summary>Gives back what <see cref="AcquireEmbedding"/> gave; the last holder frees it.</summary>
    public void Release(SharedMatrix shared)
    {
        lock (_lock)
        {
            if (--shared.Holders > 0) return;
            _shared.Remove(shared.Source);
        }

        shared.Matrix.Dispose();
    }

    /// <summary>y = norm(x), both <c>[rows, hidden]</c>.</summary>
    public void Norm(float* x, int rows, CpuNorm norm, float* y) => Kernels.Norm(Team, new NormOperation
    {
        Kind = norm.Kind,
        Epsilon = norm.Epsilon,
        Weight = norm.Weight.Data,
        Bias = norm.Bias is null ? null : norm.Bias.Data,
        X = x,
        Y = y,
        Rows = rows,
        Hidden = norm.Hidden,
    });

    /// <summary>y = x W^T + bias, or added to y: x <c>[rows, inputs]</c>, y <c>[rows, outputs]</c>.</summary>
    public void Linear(float* x, int rows, PackedMatrix weight, CpuVector? bias, float* y, LinearEpilogue epilogue = LinearEpilogue.Store) =>
        Linear(x, rows, weight, bias, null, null, y, epilogue);

    /// <summary>y = activation(x gate^T) * (x up^T), x <c>[rows, inputs]</c>, y <c>[rows, outputs]</c>.</summary>
    public void GatedLinear(float* x, int rows, CpuLinear gate, CpuLinear up, float* y, LinearEpilogue epilogue)
    {
        if (gate.Weight.IsBFloat16 != up.Weight.IsBFloat16) throw new ArgumentException("The projections differ in their type.", nameof(up));
        Linear(x, rows, gate.Weight, gate.Bias, up.Weight, up.Bias, y, epilogue);
    }

    /// <summary>Working memory of attention for all threads.</summary>
    public float* AttentionScratch(long floatsPerWorker) => _attention.Get<float>(floatsPerWorker * Team.Threads);

    /// <inheritdoc/>
    public void Dispose()
    {
        Team.Dispose();
        Step.Dispose();
        Normed.Dispose();
        QueryKeyValue.Dispose();
        Attended.Dispose();
        Wide.Dispose();
        _tiles.Dispose();
        _accumulators.Dispose();
        _attention.Dispose();
        foreach (RotaryTable table in _rotary.Values) table.Dispose();
    }

    private void Linear(
        float* x, int rows, PackedMatrix weight, CpuVector? bias, PackedMatrix? up, CpuVector? upBias, float* y, LinearEpilogue epilogue) =>
        Kernels.Linear(
            Team,
            new LinearOperation
            {
                X = Tile(x, rows, weight.Columns),
                Tokens = rows,
                Columns = weight.Columns,
                Rows = weight.Rows,
                Weight = weight.Panel(0),
                Bias = bias is null ? null : bias.Data,
                UpWeight = up is null ? null : up.Panel(0),
                UpBias = upBias is null ? null : upBias.Data,
                Epilogue = epilogue,
                Y = y,
                YStride = weight.Rows,
                Accumulators = _accumulators.Get<float>((long)LinearOperation.AccumulatorFloats * Team.Threads),
            },
            weight.IsBFloat16);

    private float* Tile(float* x, int rows, int columns)
    {
        if (rows == 1) return x;
        float* tiles = _tiles.Get<float>((long)TokenTiles.Padded(rows) * columns);
        var work = new PackWork { Source = x, Destination = tiles, Rows = rows, Columns = columns };
        Team.Run(TokenTiles.Count(rows), ref work);
        return tiles;
    }
}
