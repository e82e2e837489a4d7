using System.Diagnostics;
using DistributedGpt.Cluster;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedGpt.Benchmarks;

/// <summary>
/// The floor: the parts that the cluster has loaded, their kernels and their worker team, called one after the other by one thread. It
/// writes to any cache blocks it likes, since no two prompts are alike and the cluster will look none of them up again.
/// </summary>
internal sealed class PlainLoop(EmbeddedCluster cluster, ModelConfig config, string model) : ServingLoop
{
    // The cluster's token budget where nothing crosses a border.
    private const int TokensPerStep = 512;

    private readonly IComputeBackend _backend = cluster.Silos[0].GetRequiredService<ComputeDevice>().Backend;
    private readonly IEmbeddingRuntime _embedding = Part<IEmbeddingRuntime>(cluster, model, PartKind.Embedding, 0);
    private readonly ILayerRuntime[] _layers =
        [.. Enumerable.Range(0, config.LayerCount).Select(layer => Part<ILayerRuntime>(cluster, model, PartKind.Layer, layer))];

    private readonly IHeadRuntime _head = Part<IHeadRuntime>(cluster, model, PartKind.Head, 0);

    /// <inheritdoc/>
    public override Task<LoopSpeed> RunAsync(Workload work, int round, CancellationToken cancellation)
    {
        int requests = work.Requests, blocks = (work.Positions + StepBatch.BlockSize - 1) / StepBatch.BlockSize;
        int[][] ids = [.. Enumerable.Range(0, requests).Select(request => work.Prompt(request, round, config.VocabularySize))];
        long begin = Stopwatch.GetTimestamp();
        ids = [.. Enumerable.Range(0, requests).Chunk(TokensPerStep / work.PromptTokens).SelectMany(some => Step(some, ids, 0, blocks, cancellation))];
        double prefill = Stopwatch.GetElapsedTime(begin).TotalSeconds;

        begin = Stopwatch.GetTimestamp();
        int[] all = [.. Enumerable.Range(0, requests)];
        for (int i = 0; i < work.GeneratedTokens - 1; i++) ids = Step(all, ids, work.PromptTokens + i, blocks, cancellation);
        double decode = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        return Task.FromResult(new LoopSpeed(requests * work.PromptTokens / prefill, requests * (work.GeneratedTokens - 1) / decode));
    }

    private static T Part<T>(EmbeddedCluster cluster, string model, PartKind kind, int layer)
    {
        var key = new PartKey(new ReplicaKey(model, 0), kind, layer);
        return (T)cluster.Silos.Select(silo => silo.GetRequiredService<SiloStore>().Replica(key.Replica).Find(key)).First(part => part is not null)!.Runtime;
    }

    // Computes the rows `ids` of some sequences from `position` on and gives the next id of each.
    private int[][] Step(int[] sequences, int[][] ids, int position, int blocks, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var step = new StepBatch
        {
            Epoch = 0,
            Number = 0,
            Sequences = [.. sequences.Select(sequence => new StepSequence
            {
                Id = new SequenceId(Guid.Empty, sequence),
                TokenIds = ids[sequence],
                FirstPosition = position,
                BlockTable = [.. Enumerable.Range(sequence * blocks, blocks)],
                Sampling = new SamplingOptions(),
            })],
        };
        using IHiddenStates x = _backend.RentHiddenStates(step.RowCount, config.HiddenSize);    // [rows, hidden]
        _embedding.Forward(step, x);
        foreach (ILayerRuntime layer in _layers) layer.Forward(step, x);
        return [.. _head.Forward(step, x).Select(token => new[] { token.Id })];
    }
}
