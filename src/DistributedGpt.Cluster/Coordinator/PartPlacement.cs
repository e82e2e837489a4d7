namespace DistributedGpt.Cluster;

/// <summary>Brings the parts of a replica onto the silos of its plan, through the grains that own them, and takes them away again.</summary>
internal sealed class PartPlacement(IGrainFactory grains, SiloAgents agents, LivingSilos silos)
{
    private static readonly TimeSpan MovePause = TimeSpan.FromMilliseconds(10);

    /// <summary>Loads, or adopts, every part of the plan.</summary>
    /// <returns>Null, or why a part cannot be loaded.</returns>
    public async Task<string?> LoadAsync(ReplicaKey replica, ReplicaRecord record, CancellationToken cancellationToken)
    {
        IEnumerable<PartKey> all = record.Plan.Stages.SelectMany(stage => PartKey.OfStage(replica, stage));
        string?[] errors = await Task.WhenAll(all.Select(part => LoadAsync(part, new LoadRequest(record.SiloOf(part), record), cancellationToken)));
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
            LoadReply reply = await PlacementHint.Give(request.Silo, () => grain.Load(request));
            if (!reply.Moved) return reply.Error;
            await Task.Delay(MovePause, cancellationToken);
        }
    }
}
