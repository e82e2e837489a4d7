using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Transformer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Persistence;
using Orleans.Serialization;
using Orleans.Storage;

namespace DistributedGpt.Cluster;

/// <summary>
/// A silo of a cluster of processes: membership and records stand in Redis, layers come by <c>Load</c>. A silo that the others
/// declared dead ends its process; its supervisor starts it again.
/// </summary>
public sealed class ClusterSilo : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly ComputeDevice _device;

    private ClusterSilo(IHost host, ComputeDevice device)
    {
        _host = host;
        _device = device;
    }

    /// <summary>Under which the other silos know it.</summary>
    public SiloAddress Address => _host.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress;

    /// <summary>Bytes that weights and caches may occupy.</summary>
    public long MemoryLimit => _host.Services.GetRequiredService<SiloStore>().MemoryLimit;

    /// <summary>Whether it takes part in the cluster.</summary>
    public bool IsActive => _host.Services.GetRequiredService<IClusterMembershipService>().CurrentSnapshot.GetSiloStatus(Address) == SiloStatus.Active;

    /// <summary>Joins the cluster.</summary>
    /// <exception cref="ClusterUnreachableException">There is no Redis server at the address, or it refuses.</exception>
    /// <exception cref="TorchUnavailableException">The device is missing.</exception>
    public static async Task<ClusterSilo> StartAsync(ClusterSiloOptions options, CancellationToken cancellationToken = default)
    {
        await options.Cluster.CheckAsync(cancellationToken);

        // Loading and reading fingerprints occupy threads of the pool for long, and pings must not wait until it grows.
        ThreadPool.GetMinThreads(out int workers, out int completions);
        ThreadPool.SetMinThreads(Math.Max(workers, (2 * Environment.ProcessorCount) + 2), completions);
        var device = new ComputeDevice(ComputeBackends.Create(options.Device, options.Threads, options.WeightType, options.Cores), new ComputeLane(options.Device));
        if (options.Cores is { } cores)
        {
            await device.Lane.RunAsync(() =>
            {
                CpuCores.Bind(cores[0]);
                return true;
            });
        }

        await StageRehearsal.RunAsync(device);
        device = device with { SampleTimes = options.SampleTimes ?? await device.Lane.RunAsync(() => LayerTimer.Measure(device.Backend)) };
        long memory = options.Memory ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 10 * 9;
        HostApplicationBuilder builder = OwnedHost.CreateBuilder(options.LogLevel);
        builder.UseOrleans(silo => Configure(silo, options, device, new SiloStoreOptions(memory, options.WeightType)));
        builder.Services.AddHostedService<CatalogWatch>();
        builder.Services.AddSingleton<DeathDeclaration>();
        builder.Services.AddHostedService<PeerWatch>();
        builder.Services.AddHostedService<PeerPings>();
        if (options.Rebalances) builder.Services.AddHostedService<AutoRebalance>();
        builder.Services.AddHostedService<DrainOnStop>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainTimeout);
        IHost host = builder.Build();
        try
        {
            await host.StartAsync(cancellationToken);
            return new ClusterSilo(host, device);
        }
        catch
        {
            host.Dispose();
            device.Lane.Dispose();
            device.Backend.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _device.Lane.Dispose();
        _host.Dispose();
        _device.Backend.Dispose();
    }

    private static void Configure(ISiloBuilder silo, ClusterSiloOptions options, ComputeDevice device, SiloStoreOptions store)
    {
        var connections = new PeerConnections();
        silo.Services.AddSingleton(connections);
        silo.Configure<SiloConnectionOptions>(connection =>
        {
            connection.ConfigureSiloOutboundConnection(builder => builder.Use(connections.WatchOutbound));
            connection.ConfigureSiloInboundConnection(builder => builder.Use(connections.WatchInbound));
        });
        if (options.Credentials is { } credentials)
        {
            silo.Configure<SiloConnectionOptions>(connection =>
            {
                connection.ConfigureSiloInboundConnection(builder => builder.Use(RefusedPeers.Watch(builder)));
                connection.ConfigureGatewayInboundConnection(builder => builder.Use(RefusedPeers.Watch(builder)));
            });
            silo.UseTls(credentials.ApplyTo);
        }

        silo.Configure<SiloOptions>(named => named.SiloName = options.Name);
        silo.Configure<ClusterOptions>(options.Cluster.Apply);
        silo.Configure<EndpointOptions>(endpoints =>
        {
            IPAddress listen = options.ListenAddress ?? options.Address;
            endpoints.AdvertisedIPAddress = options.Address;
            endpoints.SiloPort = options.Port == 0 ? FreePort.Find(listen) : options.Port;
            endpoints.GatewayPort = options.GatewayPort == 0 ? FreePort.Find(listen) : options.GatewayPort;
            endpoints.SiloListeningEndpoint = new IPEndPoint(listen, endpoints.SiloPort);
            endpoints.GatewayListeningEndpoint = new IPEndPoint(listen, endpoints.GatewayPort);
        });
        silo.UseRedisClustering(redis => redis.ConfigurationOptions = options.Cluster.ToRedisOptions());
        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            // The slow second line behind PeerWatch: a process that hangs.
            membership.ProbeTimeout = TimeSpan.FromSeconds(1);
            membership.MaxProbeTimeout = TimeSpan.FromSeconds(2);
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(2);

            // After a restart of everything the rows of the dead must not be waited for.
            membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(3);
            membership.NumMissedTableIAmAliveLimit = 3;
        });
        silo.AddRedisGrainStorage(RecordStore.StorageName, (OptionsBuilder<RedisStorageOptions> redis) =>
            redis.Configure<Serializer>((storage, serializer) =>
            {
                storage.ConfigurationOptions = options.Cluster.ToRedisOptions();
                storage.GrainStorageSerializer = new OrleansGrainStorageSerializer(serializer);
            }));
        silo.AddDistributedGpt(device, store);
    }
}
