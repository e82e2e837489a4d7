namespace DistributedGpt.Cluster;

/// <summary>
/// What the grains of embedding, layer and head have in common: the part lives in the silo's store, the grain is its name. It is
/// activated by a Load for its silo, or where the store holds the part already; its end releases nothing, since Orleans
/// deactivates healthy grains too.
/// </summary>
internal abstract class PartGrain(PartKind kind, SiloStore store, ILocalSiloDetails silo, PartLoader loader) : Grain, IPartGrain
{
    private PartKey? _key;

    /// <summary>The part.</summary>
    protected PartKey Key => _key ??= PartKey.Parse(this.GetPrimaryKeyString(), kind);

    /// <summary>The silo's store.</summary>
    protected SiloStore Store => store;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (!PlacementHint.Names(silo.SiloAddress) && !store.Holds(Key)) throw new OrleansException($"{Key.Kind} {Key.Layer} of {Key.Replica} is not loaded on {silo.SiloAddress}");
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<LoadReply> Load(LoadRequest request)
    {
        PlacementHint.Forget();
        if (!request.Silo.Equals(silo.SiloAddress))
        {
            if (!store.Replica(Key.Replica).MayLoad(request.Record.Epoch)) throw new MigrationException($"{Key.Replica}: the plan of epoch {request.Record.Epoch} is not the latest");

            // Not by deactivation: the directory would forget it, and a silo whose cache still names this one could bring it back here.
            PlacementHint.Give(request.Silo, this.MigrateOnIdle);
            return new LoadReply(Moved: true, Error: null);
        }

        return new LoadReply(false, await loader.LoadAsync(Key, request.Record));
    }
}
