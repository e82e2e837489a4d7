using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Benchmarks;

/// <summary>A synthetic model whose backend is called directly in a loop: no grains, no scheduler.</summary>
internal sealed class BareModel : IDisposable
{
    private const int BlocksPerSequence = 64;
    private const int Sequences = 32;

    private readonly ModelConfig _config;
    private readonly CpuBackend _backend;
    private readonly IEmbeddingRuntime _embedding;
    private readonly ILayerRuntime[] _layers;
    private readonly IHeadRuntime _head;

    public BareModel(ModelConfig config, int threads)
    {
        _config = config;
        using var weights = new SyntheticWeights(config);
        _backend = new CpuBackend(new CpuBackendOptions { Threads = threads });
        _embedding = _backend.LoadEmbedding(weights);
        _layers = [.. Enumerable.Range(0, config.LayerCount).Select(layer =>
            _backend.LoadLayer(weights, layer, new KvCacheOptions(BlocksPerSequence * Sequences)))];
        _head = _backend.LoadHead(weights);
        WeightBytes = _layers.Sum(layer => layer.Bytes) + _head.Bytes + _embedding.Bytes;
        StepBytes = _layers.Sum(layer => layer.Bytes) + _head.Bytes;
        long attention = (long)config.HiddenSize * config.HeadSize * (2 * config.HeadCount + 2 * config.KeyValueHeadCount);
        LayerParameters = config.LayerCount * (attention + (long)config.HiddenSize * config.IntermediateSize * (config.GatedMlp ? 3 : 2));
    }

    /// <summary>Resident bytes of all weights.</summary>
    public long WeightBytes { get; }

    /// <summary>Bytes of weights that a step reads whole: layers and head.</summary>
    public long StepBytes { get; }

    /// <summary>Weights in the layers' matrices.</summary>
    public long LayerParameters { get; }

    /// <summary>Prefills the first <paramref name="sequences"/> sequences with <paramref name="length"/> tokens, one after the other.</summary>
    public void Prefill(int length, int sequences = 1)
    {
        for (int i = 0; i < sequences; i++) Run([Rows(i, 0, length, null)]);
    }

    /// <summary>One decode step of <paramref name="sequences"/> sequences at position <paramref name="position"/>.</summary>
    public void Decode(int position, int sequences) =>
        Run([.. Enumerable.Range(0, sequences).Select(i => Rows(i, position, 1, new SamplingOptions()))]);

    public void Dispose()
    {
        _head.Dispose();
        foreach (ILayerRuntime layer in _layers) layer.Dispose();
        _embedding.Dispose();
        _backend.Dispose();
    }

    private StepSequence Rows(int sequence, int first, int count, SamplingOptions? sampling) => new()
    {
        Id = new SequenceId(Guid.Empty, sequence),
        TokenIds = [.. Enumerable.Range(first, count).Select(position => (sequence * 7919 + position * 31) % _config.VocabularySize)],
        FirstPosition = first,
        BlockTable = [.. Enumerable.Range(sequence * BlocksPerSequence, BlocksPerSequence)],
        Sampling = sampling,
    };

    private void Run(StepSequence[] sequences)
    {
        var step = new StepBatch { Epoch = 1, Number = 0, Sequences = sequences };
        using IHiddenStates x = _backend.RentHiddenStates(step.RowCount, _config.HiddenSize);
        _embedding.Forward(step, x);
        foreach (ILayerRuntime layer in _layers) layer.Forward(step, x);
        _head.Forward(step, x);
    }
}
