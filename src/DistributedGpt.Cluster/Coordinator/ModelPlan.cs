using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>The replicas of a model as they were planned for the silos that live, before they are loaded.</summary>
internal sealed class ModelPlan
{
    private readonly (ReplicaKey Replica, SiloOffer Silo, long Bytes)[] _shares;

    /// <summary>Plans a model.</summary>
    /// <param name="folder">Its folder.</param>
    /// <param name="model">How it is to be served.</param>
    /// <param name="fingerprint">The folder's fingerprint.</param>
    /// <param name="silos">The silos that live.</param>
    /// <exception cref="InsufficientMemoryException">The model does not fit; the message has the numbers.</exception>
    public ModelPlan(ModelFolder folder, ModelSpec model, string fingerprint, SiloOffer[] silos)
    {
        ClusterPlan plan = ReplicaPlanner.Plan(folder, model, silos);
        Replicas = [.. plan.Replicas.Select(stages => new ReplicaRecord
        {
            Model = model,
            Fingerprint = fingerprint,
            Plan = stages,
            Silos = Array.ConvertAll(silos, silo => silo.Address),
            SiloNames = Array.ConvertAll(silos, silo => silo.Name),
            KvBlocks = plan.KvBlocks,
        })];
        _shares = [.. plan.Replicas.SelectMany((stages, index) => stages.Stages.Select(stage =>
            (new ReplicaKey(model.Name, index), silos[stage.Silo], plan.WeightBytes(stage) + plan.KvBytes(stage) + plan.BorderLogBytes(stage))))];
    }

    /// <summary>The records with which the replicas begin.</summary>
    public ReplicaRecord[] Replicas { get; }

    /// <summary>How much of it each silo has loaded.</summary>
    public async Task<LoadProgress> GetProgressAsync(SiloAgents agents) => new(await Task.WhenAll(_shares
        .GroupBy(share => share.Silo)
        .Select(async silo => new SiloLoadProgress(
            silo.Key.Name,
            (await Task.WhenAll(silo.Select(share => agents[silo.Key.Address].GetLoadedBytes(share.Replica)))).Sum(),
            silo.Sum(share => share.Bytes)))));
}
