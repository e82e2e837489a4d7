using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>
/// Managed kernels on the CPU. A row's bits depend on its sequence alone: not on its batch, on how a prompt was cut, on the number of
/// threads or on the machine's vector width.
/// </summary>
public sealed unsafe class CpuBackend : IComputeBackend
{
    /// <summary>
    /// The version of the kernels' arithmetic; silos of one plan must agree on it. Raise it with every change after which some input gives
    /// other bits: another order of summation, polynomial, rounding or epilogue.
    /// </summary>
    public const int KernelsVersion = 1;

    private readonly CpuContext _cpu;
    private readonly HiddenStatesPool _hiddenStates = new();

    /// <summary>Starts the worker team.</summary>
    public CpuBackend(CpuBackendOptions options)
        : this(options, KernelSet.Best)
    {
    }

    /// <summary>A backend at a given vector width, for tests.</summary>
    internal CpuBackend(CpuBackendOptions options, KernelSet kernels) => _cpu = new CpuContext(options, kernels);

    /// <inheritdoc/>
    public string Device => "cpu";

    /// <inheritdoc/>
    public string Kernels => $"cpu-{KernelsVersion}";

    /// <inheritdoc/>
    public IHiddenStates RentHiddenStates(int rows, int hidden) => _hiddenStates.Rent(rows, hidden);

    /// <inheritdoc/>
    public IEmbeddingRuntime LoadEmbedding(IModelWeights weights) => new CpuEmbedding(_cpu, weights);

    /// <inheritdoc/>
    public ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache) => new DecoderLayer(_cpu, weights, layer, cache);

    /// <inheritdoc/>
    public IHeadRuntime LoadHead(IModelWeights weights) => new CpuHead(_cpu, weights);

    /// <inheritdoc/>
    public void Dispose()
    {
        _cpu.Dispose();
        _hiddenStates.Dispose();
    }

    /// <summary>The hidden states' memory, once their shape is known to be the step's.</summary>
    internal static float* Data(StepBatch step, IHiddenStates x, ModelConfig config)
    {
        if (x.Rows != step.RowCount || x.Hidden != config.HiddenSize)
        {
            throw new ArgumentException($"The step has {step.RowCount} rows of {config.HiddenSize}, the hidden states {x.Rows} of {x.Hidden}.", nameof(x));
        }

        return ((CpuHiddenStates)x).Data;
    }
}
