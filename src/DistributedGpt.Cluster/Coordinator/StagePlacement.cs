using System.Diagnostics;
using DistributedGpt.Engine;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>Which silo gets which stage of one replica when silos are lost, and when a silo is to go.</summary>
/// <param name="replica">The replica.</param>
/// <param name="silos">The silos that live.</param>
/// <param name="store">Has the model's folder.</param>
/// <param name="logger">Is told of stages that lost their silo.</param>
internal sealed partial class StagePlacement(ReplicaKey replica, LivingSilos silos, SiloStore store, ILogger logger)
{
    /// <summary>So long, after all silos were lost, those of the plan may take to come back before others get their layers.</summary>
    private static readonly TimeSpan RestartPatience = TimeSpan.FromSeconds(10);

    private readonly long _started = Stopwatch.GetTimestamp();

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
            LogStageMoves(replica, stage.FirstLayer, stage.EndLayer - 1, record.NameOf(stage), replaced.NameOf(stage.FirstLayer));
        return replaced;
    }

    /// <summary>The record with the stages of <paramref name="silo"/> on others.</summary>
    /// <exception cref="InsufficientMemoryException">No other silo has room for a stage; the message has the numbers.</exception>
    public async Task<ReplicaRecord> MoveOffAsync(ReplicaRecord record, SiloAddress silo)
    {
        SiloOffer[] others = Array.FindAll(await silos.GetOffersAsync(), offer => !offer.Address.Equals(silo));
        return ReplicaPlanner.Replace(store.Folder(record.Model.Path), record, others);
    }

    /// <summary>The best plan over the silos that live.</summary>
    /// <param name="record">The replica as it is.</param>
    /// <param name="agents">The silos' agents.</param>
    /// <param name="others">Silos to leave to others.</param>
    /// <exception cref="InsufficientMemoryException">The replica does not fit; the message has the numbers.</exception>
    public async Task<RebalancePlan> RebalanceAsync(ReplicaRecord record, SiloAgents agents, string[] others)
    {
        SiloOffer[] offers = Array.FindAll(await silos.GetOffersAsync(), offer => !others.Contains(offer.Name));
        SiloOffer[] free = await Task.WhenAll(offers.Select(async offer =>
            offer with { Capacity = offer.Capacity with { ReservedBytes = offer.Capacity.ReservedBytes - await agents[offer.Address].GetLoadedBytes(replica) } }));
        return new RebalancePlan(store.Folder(record.Model.Path), record, free);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Replica}: layers {First} to {Last} go from {Lost}, which is gone, to {Silo}")]
    private partial void LogStageMoves(ReplicaKey replica, int first, int last, string lost, string silo);
}
