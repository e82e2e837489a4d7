namespace DistributedGpt.Cluster;

/// <summary>Brings the parts of a replica onto the silos of its plan, through the grains that own them, and takes them away again.</summary>
internal sealed class PartPlacement(IGrainFactory grains, SiloAgents agents, LivingSilos silos)
{
    private static readonly TimeSpan MovePause = TimeSpan.FromMilliseconds(10);

    /// <summary>Loads, or adopts, every part of the plan.</summary>
    /// <returns>Null, or why a part cannot be loaded.</returns>
    public Task<string?> LoadAsync(ReplicaKey replica, ReplicaRecord record, CancellationToken cancellationToken) =>
        LoadAsync(PartsOf(replica, record), record, cancellationToken);

    /// <summary>
    /// Makes the copies of the record's migration parts of the replica, and places the grains through which steps go. The grains of
    /// the other parts are for <see cref="LoadOthersAsync"/>, when the replica serves again.
    /// </summary>
    /// <returns>Null, or why a part cannot be loaded.</returns>
    public async Task<string?> LoadStagesAsync(ReplicaKey replica, ReplicaRecord record, CancellationToken cancellationToken)
    {
        bool[] whole = await Task.WhenAll(record.Plan.Stages.Select(record.SiloOf).Distinct().Select(silo => agents[silo].Adopt(replica, record)));
        return Array.TrueForAll(whole, each => each)
            ? await LoadAsync(FirstLayers(replica, record), record, cancellationToken)
            : await LoadAsync(replica, record, cancellationToken);
    }

    /// <summary>Places the grains of the parts through which no step goes.</summary>
    public Task<string?> LoadOthersAsync(ReplicaKey replica, ReplicaRecord record, CancellationToken cancellationToken) =>
        LoadAsync(PartsOf(replica, record).Except(FirstLayers(replica, record)), record, cancellationToken);

    /// <summary>Drops everything of the replica on all silos.</summary>
    public Task ReleaseAsync(ReplicaKey replica) => Task.WhenAll(silos.Members.Select(silo => agents[silo].Release(replica)));

    private static IEnumerable<PartKey> PartsOf(ReplicaKey replica, ReplicaRecord record) => record.Plan.Stages.SelectMany(stage => PartKey.OfStage(replica, stage));

    private static IEnumerable<PartKey> FirstLayers(ReplicaKey replica, ReplicaRecord record) =>
        record.Plan.Stages.Select(stage => new PartKey(replica, PartKind.Layer, stage.FirstLayer));

    private async Task<string?> LoadAsync(IEnumerable<PartKey> parts, ReplicaRecord record, CancellationToken cancellationToken)
    {
        string?[] errors = await Task.WhenAll(parts.Select(part => LoadAsync(part, new LoadRequest(record.SiloOf(part), record), cancellationToken)));
        return Array.Find(errors, error => error is not null);
    }

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
