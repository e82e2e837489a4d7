using Orleans.Runtime.Placement;

namespace DistributedGpt.Cluster;

/// <summary>
/// Follows the placement hint of the load, and later the replica's record: the first stage's silo if it lives, known by its name
/// after a restart, else another stage's; any silo where none of them lives or nothing is loaded.
/// </summary>
internal sealed class ReplicaPlacementDirector(RecordStore records, IClusterMembershipService membership) : IPlacementDirector
{
    public async Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        if (IPlacementDirector.GetPlacementHint(target.RequestContextData, silos) is { } hint) return hint;
        ReplicaRecord? record = (await records.ReadAsync<ReplicaRecord>(target.GrainIdentity.Key.ToString()!)).Value;
        foreach (string name in record?.Plan.Stages.Select(record.NameOf) ?? [])
        {
            if (Array.Find(silos, silo => membership.CurrentSnapshot.Members.TryGetValue(silo, out ClusterMember? member) && member.Name == name) is { } found) return found;
        }

        return silos[Random.Shared.Next(silos.Length)];
    }
}
