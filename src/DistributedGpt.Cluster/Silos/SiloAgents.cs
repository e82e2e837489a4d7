using Orleans.Runtime.Services;

namespace DistributedGpt.Cluster;

/// <summary>The agents of the cluster's silos, by address.</summary>
internal sealed class SiloAgents(IServiceProvider services) : GrainServiceClient<ISiloAgent>(services)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>The agent of that silo.</summary>
    public ISiloAgent this[SiloAddress silo] => GetGrainService(silo);

    /// <summary>Whether a silo answers a ping within that time.</summary>
    public async Task<bool> PingAsync(SiloAddress silo, TimeSpan patience) => await FindAsync<bool?>(silo, async agent =>
    {
        await agent.Ping();
        return true;
    }, patience) ?? false;

    /// <summary>Whether a silo gets an answer from another one; null where it does not answer within a second itself.</summary>
    public Task<bool?> FindWhetherReachesAsync(SiloAddress silo, SiloAddress other) => FindAsync<bool?>(silo, async agent => await agent.Reaches(other), Patience);

    /// <summary>What a silo offers; null where it does not answer within a second.</summary>
    public Task<SiloCapacity?> FindCapacityAsync(SiloAddress silo) => FindAsync<SiloCapacity?>(silo, async agent => await agent.GetCapacity(), Patience);

    private async Task<T?> FindAsync<T>(SiloAddress silo, Func<ISiloAgent, Task<T>> ask, TimeSpan patience)
    {
        try
        {
            return await ask(this[silo]).WaitAsync(patience);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            return default;
        }
    }
}
