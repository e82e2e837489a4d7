using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Digest;

/// <summary>A hash of the raw float bits of a model's logits for a fixed text of ids.</summary>
public static class LogitsDigest
{
    private const int Length = 40;

    // How the ids are cut into steps; the digest does not depend on it.
    private static readonly int[] Steps = [13, 1, 19, 5, 1, 1];

    /// <summary>The first 128 bits, in hexadecimal, of the SHA-256 of the logits of 40 positions.</summary>
    public static string Of(IModelWeights weights, int threads)
    {
        ModelConfig config = weights.Config;
        using var backend = new CpuBackend(new CpuBackendOptions { Threads = threads });
        using IEmbeddingRuntime embedding = backend.LoadEmbedding(weights);
        ILayerRuntime[] layers = [.. Enumerable.Range(0, config.LayerCount).Select(layer => backend.LoadLayer(weights, layer, new KvCacheOptions(8)))];
        using IHeadRuntime head = backend.LoadHead(weights);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        int[] ids = [.. Enumerable.Range(0, Length).Select(position => position * 31 % Math.Min(config.VocabularySize, 380))];
        var logits = new float[config.VocabularySize];
        int first = 0;
        for (int number = 0; number < Steps.Length; number++)
        {
            var rows = new StepSequence
            {
                Id = new SequenceId(Guid.Empty, 0),
                TokenIds = ids[first..(first + Steps[number])],
                FirstPosition = first,
                BlockTable = [5, 2, 7],
            };
            first += Steps[number];
            var step = new StepBatch { Epoch = 1, Number = number, Sequences = [rows] };
            using IHiddenStates x = backend.RentHiddenStates(step.RowCount, config.HiddenSize);
            embedding.Forward(step, x);
            foreach (ILayerRuntime layer in layers) layer.Forward(step, x);
            for (int row = 0; row < x.Rows; row++)
            {
                head.ComputeLogits(x, row, logits);
                hash.AppendData(MemoryMarshal.AsBytes(logits.AsSpan()));
            }
        }

        foreach (ILayerRuntime layer in layers) layer.Dispose();
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }
}
