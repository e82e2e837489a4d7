using Orleans.Runtime.Services;

namespace DistributedGpt.Cluster;

/// <summary>The agents of the cluster's silos, by address.</summary>
internal sealed class SiloAgents(IServiceProvider services) : GrainServiceClient<ISiloAgent>(services)
{
    /// <summary>The agent of that silo.</summary>
    public ISiloAgent this[SiloAddress silo] => GetGrainService(silo);
}
