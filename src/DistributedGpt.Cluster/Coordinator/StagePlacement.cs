using System.Diagnostics;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>Which silo gets which stage of one replica: when it is planned, when silos are lost, when a silo is to go.</summary>
/// <param name="replica">The replica.</param>
/// <param name="silos">The silos that live.</param>
/// <param name="store">Has the model's folder.</param>
/// <param name="fingerprints">Name the model's content.</param>
/// <param name="logger">Is told of stages that lost their silo.</param>
internal sealed partial class StagePlacement(ReplicaKey replica, LivingSilos silos, SiloStore store, FingerprintCache fingerprints, ILogger logger)
{
    /// <summary>So long, after all silos were lost, those of the plan may take to come back before others get their layers.</summary>
    private static readonly TimeSpan RestartPatience = TimeSpan.FromSeconds(10);

    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Bytes that the parts of the replica will occupy; 0 until it was planned here.</summary>
    public long TotalBytes { get; private set; }

    /// <summary>Plans the replica over all living silos.</summary>
    /// <exception cref="ModelFormatException">The model's folder cannot be used.</exception>
    /// <exception cref="InsufficientMemoryException">The model does not fit; the message has the numbers.</exception>
    public async Task<ReplicaRecord> PlanAsync(ModelSpec model)
    {
        SiloOffer[] offers = await silos.GetOffersAsync();
        ClusterPlan plan = ReplicaPlanner.Plan(store.Folder(model.Path), model, offers);
        StagePlan stages = plan.Replicas[0];
        TotalBytes = stages.Stages.Sum(stage => plan.WeightBytes(stage) + plan.KvBytes(stage));
        return new ReplicaRecord
        {
            Model = model,
            Fingerprint = await fingerprints.GetAsync(model.Path),
            Plan = stages,
            Silos = Array.ConvertAll(offers, silo => silo.Address),
            SiloNames = Array.ConvertAll(offers, silo => silo.Name),
            KvBlocks = plan.KvBlocks,
        };
    }

    /// <summary>The record with every stage on a silo that lives.</summary>
    /// <exception cref="TimeoutException">All silos are gone, and those of the plan may still come back.</exception>
    /// <exception cref="InsufficientMemoryException">No silo has room for a stage; the message has the numbers.</exception>
    public async Task<ReplicaRecord> ReplaceLostAsync(ReplicaRecord record)
    {
        PlanStage[] lost = silos.LostStages(record);
        if (lost.Length == 0) return record;
        SiloOffer[] living = await silos.GetOffersAsync();
        if (lost.Length == record.Plan.Stages.Length && Stopwatch.GetElapsedTime(_started) < RestartPatience && !record.SiloNames.All(name => living.Any(silo => silo.Name == name)))
            throw new TimeoutException($"{replica}: waiting for its silos after a restart: {string.Join(", ", record.SiloNames)}");
        ReplicaRecord replaced = ReplicaPlanner.Replace(store.Folder(record.Model.Path), record, living);
        foreach (PlanStage stage in lost)
            LogStageMoves(replica, stage.FirstLayer, stage.EndLayer - 1, record.SiloNames[stage.Silo], replaced.SiloNames[replaced.Plan.Stages[record.Plan.StageOf(stage.FirstLayer)].Silo]);
        return replaced;
    }

    /// <summary>The record with the stages of <paramref name="silo"/> on others.</summary>
    /// <exception cref="InsufficientMemoryException">No other silo has room for a stage; the message has the numbers.</exception>
    public async Task<ReplicaRecord> MoveOffAsync(ReplicaRecord record, SiloAddress silo)
    {
        SiloOffer[] others = Array.FindAll(await silos.GetOffersAsync(), offer => !offer.Address.Equals(silo));
        return ReplicaPlanner.Replace(store.Folder(record.Model.Path), record, others);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: layers {First} to {Last} go from {Lost}, which is gone, to {Silo}")]
    private partial void LogStageMoves(ReplicaKey replica, int first, int last, string lost, string silo);
}
