using DistributedGpt.Engine;

namespace DistributedGpt.Cluster;

/// <summary>The silos that live, as membership has them, and what each offers.</summary>
internal sealed class LivingSilos(IClusterMembershipService membership, SiloAgents agents)
{
    /// <summary>Every change of membership from now on.</summary>
    public IAsyncEnumerable<ClusterMembershipSnapshot> Changes => membership.MembershipUpdates;

    /// <summary>Their addresses.</summary>
    public SiloAddress[] Members => [.. Active.Select(member => member.SiloAddress)];

    /// <summary>The one that joined first; null where membership lists none yet.</summary>
    public SiloAddress? Oldest => Members.MinBy(Suspicion.Seniority);

    /// <summary>The addresses of all but one.</summary>
    public SiloAddress[] Except(SiloAddress silo) => [.. Members.Where(member => !member.Equals(silo))];

    /// <summary>Reads membership anew. A silo that was evicted meanwhile ends its process here.</summary>
    public ValueTask RefreshAsync() => membership.Refresh();

    /// <summary>Whether a silo is no longer a member.</summary>
    public bool IsLost(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) != SiloStatus.Active;

    /// <summary>The stages of a replica whose silos are lost.</summary>
    public PlanStage[] LostStages(ReplicaRecord record) => Array.FindAll(record.Plan.Stages, stage => IsLost(record.SiloOf(stage)));

    /// <summary>What every living silo offers; one that does not answer keeps what it has and offers nothing.</summary>
    public async Task<SiloOffer[]> GetOffersAsync()
    {
        return await Task.WhenAll(Active.OrderBy(member => member.SiloAddress).Select(async member =>
            new SiloOffer(member.SiloAddress, member.Name, await agents.FindCapacityAsync(member.SiloAddress) ?? SiloCapacity.None)));
    }

    private IEnumerable<ClusterMember> Active => membership.CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active);
}
