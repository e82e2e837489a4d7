using Orleans.Runtime.Services;

namespace DistributedGpt.Cluster;

/// <summary>The agents of the cluster's silos, by address.</summary>
internal sealed class SiloAgents(IServiceProvider services) : GrainServiceClient<ISiloAgent>(services)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>The agent of that silo.</summary>
    public ISiloAgent this[SiloAddress silo] => GetGrainService(silo);

    /// <summary>What a silo offers; null where it does not answer within a second.</summary>
    public async Task<SiloCapacity?> FindCapacityAsync(SiloAddress silo)
    {
        try
        {
            return await this[silo].GetCapacity().WaitAsync(Patience);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return null;
        }
    }
}
