using Orleans.Runtime.Services;

namespace DistributedGpt.Cluster;

/// <summary>The stage services of the cluster's silos, by address.</summary>
internal sealed class StageServices(IServiceProvider services) : GrainServiceClient<IStageService>(services)
{
    /// <summary>The stage service of that silo.</summary>
    public IStageService this[SiloAddress silo] => GetGrainService(silo);
}
