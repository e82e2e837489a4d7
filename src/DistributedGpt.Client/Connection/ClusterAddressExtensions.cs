using Orleans.Configuration;

namespace DistributedGpt.Client;

/// <summary>Gives an Orleans client or silo its place in a cluster.</summary>
public static class ClusterAddressExtensions
{
    /// <summary>Ids of the cluster; what stands in Redis begins with them.</summary>
    public static void Apply(this ClusterAddress address, ClusterOptions options)
    {
        options.ClusterId = address.Name;
        options.ServiceId = $"dgpt-{address.Name}";
    }
}
