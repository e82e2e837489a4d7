using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Storage;

namespace DistributedGpt.Cluster;

/// <summary>What makes an Orleans silo one of this cluster's.</summary>
internal static class SiloHosting
{
    /// <summary>Adds the store, the agent, the stages, the placement and the records of a silo that computes on <paramref name="device"/>.</summary>
    public static ISiloBuilder AddDistributedGpt(this ISiloBuilder silo, ComputeDevice device, SiloStoreOptions options, IGrainStorage? storage = null)
    {
        IServiceCollection services = silo.Services;
        services.AddSingleton(device);
        services.AddSingleton(options);
        services.AddSingleton<SiloStore>();
        services.AddSingleton<FingerprintCache>();
        services.AddSingleton<PartLoader>();
        services.AddSingleton<SiloCopies>();
        services.AddSingleton<SiloAgents>();
        services.AddSingleton<StageServices>();
        services.AddSingleton<LivingSilos>();
        services.AddSingleton<PartPlacement>();
        services.AddSingleton<RecordStore>();
        services.AddHostedService<SiloMetrics>();
        if (storage is not null) services.AddKeyedSingleton(RecordStore.StorageName, storage);
        services.AddGrainService<SiloAgent>();
        services.AddGrainService<StageService>();
        services.AddPlacementDirector<PlannedPlacement, PlannedPlacementDirector>();
        services.AddPlacementDirector<ReplicaPlacement, ReplicaPlacementDirector>();
#pragma warning disable ORLEANSEXP003 // Strongly consistent, and survivors keep their activations when a silo dies.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = TimeSpan.Zero);
        return silo;
    }
}
