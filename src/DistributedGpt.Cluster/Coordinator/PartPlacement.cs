using Orleans.Runtime.Placement;

namespace DistributedGpt.Cluster;

/// <summary>Brings the parts of a replica onto the silos of its plan, through the grains that own them, and takes them away again.</summary>
internal sealed class PartPlacement(IGrainFactory grains, SiloAgents agents, LivingSilos silos)
{
    private static readonly TimeSpan MovePause = TimeSpan.FromMilliseconds(10);

    /// <summary>Loads, or adopts, every part of the plan.</summary>
    /// <returns>Null, or why a part cannot be loaded.</returns>
    public async Task<string?> LoadAsync(ReplicaKey replica, ReplicaRecord record, CancellationToken cancellationToken)
    {
        string?[] errors = await Task.WhenAll(
            from stage in record.Plan.Stages
            let request = new LoadRequest(record.SiloOf(stage), record)
            from part in PartKey.OfStage(replica, stage)
            select LoadAsync(part, request, cancellationToken));
        return Array.Find(errors, error => error is not null);
    }

    /// <summary>Drops everything of the replica on all silos.</summary>
    public Task ReleaseAsync(ReplicaKey replica) => Task.WhenAll(silos.Members.Select(silo => agents[silo].Release(replica)));

    private async Task<string?> LoadAsync(PartKey part, LoadRequest request, CancellationToken cancellationToken)
    {
        IPartGrain grain = part.Kind switch
        {
            PartKind.Embedding => grains.GetGrain<IEmbeddingGrain>(part.GrainKey),
            PartKind.Head => grains.GetGrain<IHeadGrain>(part.GrainKey),
            _ => grains.GetGrain<ILayerGrain>(part.GrainKey),
        };
        while (true)
        {
            RequestContext.Set(IPlacementDirector.PlacementHintKey, request.Silo);
            Task<LoadReply> load = grain.Load(request);
            RequestContext.Remove(IPlacementDirector.PlacementHintKey);
            LoadReply reply = await load;
            if (!reply.Moved) return reply.Error;
            await Task.Delay(MovePause, cancellationToken);
        }
    }
}
