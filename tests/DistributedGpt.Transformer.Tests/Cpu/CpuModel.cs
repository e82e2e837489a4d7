using System.Security.Cryptography;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using System.Runtime.InteropServices;

namespace DistributedGpt.Transformer.Tests;

/// <summary>A whole model on a CPU backend, driven step by step without a cluster.</summary>
internal sealed class CpuModel : IDisposable
{
    private readonly IComputeBackend _backend;
    private readonly IEmbeddingRuntime _embedding;
    private readonly ILayerRuntime[] _layers;
    private readonly IHeadRuntime _head;
    private int _steps;

    public CpuModel(
        IModelWeights weights, KernelSet? kernels = null, int threads = 1, TensorType? weightType = null,
        TensorType cacheType = TensorType.Float32, int blocks = 64)
        : this(new CpuBackend(new CpuBackendOptions { Threads = threads, WeightType = weightType }, kernels ?? KernelSet.Best), weights, cacheType, blocks)
    {
    }

    /// <summary>The model on any backend, which this disposes.</summary>
    public CpuModel(IComputeBackend backend, IModelWeights weights, TensorType cacheType = TensorType.Float32, int blocks = 64)
    {
        Config = weights.Config;
        _backend = backend;
        _embedding = _backend.LoadEmbedding(weights);
        _layers = [.. Enumerable.Range(0, Config.LayerCount).Select(layer => _backend.LoadLayer(weights, layer, new KvCacheOptions(blocks, cacheType)))];
        _head = _backend.LoadHead(weights);
    }

    public ModelConfig Config { get; }

    /// <summary>The residuals after the embedding and after each layer of the latest step, <c>[layers + 1][rows * hidden]</c>.</summary>
    public List<float[]> Hidden { get; } = [];

    /// <summary>Runs a step and returns the logits of all of its rows, <c>[rows][vocabulary]</c>.</summary>
    public float[][] Step(params StepSequence[] sequences) => Run(sequences, out _);

    /// <summary>Runs a step and returns the sampled tokens.</summary>
    public SampledToken[] Sample(params StepSequence[] sequences)
    {
        Run(sequences, out SampledToken[] tokens);
        return tokens;
    }

    public void Dispose()
    {
        _head.Dispose();
        foreach (ILayerRuntime layer in _layers) layer.Dispose();
        _embedding.Dispose();
        _backend.Dispose();
    }

    /// <summary>A hash of the raw bits.</summary>
    public static string Digest(IEnumerable<float[]> rows)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (float[] row in rows) hash.AppendData(MemoryMarshal.AsBytes(row.AsSpan()));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private float[][] Run(StepSequence[] sequences, out SampledToken[] tokens)
    {
        var step = new StepBatch { Epoch = 1, Number = _steps++, Sequences = sequences };
        using IHiddenStates x = _backend.RentHiddenStates(step.RowCount, Config.HiddenSize);
        Hidden.Clear();
        _embedding.Forward(step, x);
        Keep(x);
        foreach (ILayerRuntime layer in _layers)
        {
            layer.Forward(step, x);
            Keep(x);
        }

        var logits = new float[x.Rows][];
        for (int row = 0; row < x.Rows; row++) _head.ComputeLogits(x, row, logits[row] = new float[Config.VocabularySize]);
        tokens = _head.Forward(step, x);
        return logits;
    }

    private void Keep(IHiddenStates x)
    {
        var copy = new float[x.Rows * x.Hidden];
        x.CopyTo(copy);
        Hidden.Add(copy);
    }
}
