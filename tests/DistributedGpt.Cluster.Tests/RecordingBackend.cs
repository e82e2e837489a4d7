using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cluster.Tests;

/// <summary>The CPU's math; of every row that reaches the head, the raw bits of its logits are remembered as a hash.</summary>
internal sealed class RecordingBackend : IComputeBackend
{
    private readonly IComputeBackend _inner = ComputeBackends.Create("cpu", threads: 2, weightType: null);

    /// <summary>The hash of each row.</summary>
    public Dictionary<(SequenceId Sequence, int Position), string> Rows { get; } = [];

    /// <summary>Rows that were computed more than once.</summary>
    public int Repeated { get; private set; }

    /// <summary>Rows that had other bits when they were computed again.</summary>
    public List<(SequenceId Sequence, int Position)> Changed { get; } = [];

    public string Device => _inner.Device;

    public string Kernels => _inner.Kernels;

    public IHiddenStates RentHiddenStates(int rows, int hidden) => _inner.RentHiddenStates(rows, hidden);

    public IEmbeddingRuntime LoadEmbedding(IModelWeights weights) => _inner.LoadEmbedding(weights);

    public ILayerRuntime LoadLayer(IModelWeights weights, int layer, KvCacheOptions cache) => _inner.LoadLayer(weights, layer, cache);

    public IHeadRuntime LoadHead(IModelWeights weights) => new RecordingHead(this, _inner.LoadHead(weights), weights.Config.VocabularySize);

    public void Dispose() => _inner.Dispose();

    private void Record(SequenceId sequence, int position, float[] logits)
    {
        string hash = Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(logits.AsSpan())));
        if (Rows.TryAdd((sequence, position), hash)) return;
        Repeated++;
        if (Rows[(sequence, position)] != hash) Changed.Add((sequence, position));
    }

    private sealed class RecordingHead(RecordingBackend backend, IHeadRuntime inner, int vocabulary) : IHeadRuntime
    {
        public long Bytes => inner.Bytes;

        public SampledToken[] Forward(StepBatch step, IHiddenStates x)
        {
            int row = 0;
            float[] logits = new float[vocabulary];
            foreach (StepSequence sequence in step.Sequences)
            {
                for (int i = 0; i < sequence.TokenIds.Length; i++)
                {
                    inner.ComputeLogits(x, row++, logits);
                    backend.Record(sequence.Id, sequence.FirstPosition + i, logits);
                }
            }

            return inner.Forward(step, x);
        }

        public void ComputeLogits(IHiddenStates x, int row, Span<float> logits) => inner.ComputeLogits(x, row, logits);

        public void Attach() => inner.Attach();

        public void Dispose() => inner.Dispose();
    }
}
