using Microsoft.Extensions.DependencyInjection;
using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Models;
using DistributedGpt.Transformer;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace DistributedGpt.Cluster;

/// <summary>
/// A whole cluster inside this process: real silos that talk over loopback, one compute device that they share, and a model whose
/// layers are spread over them. What runs here is what runs on many machines.
/// </summary>
public sealed class EmbeddedCluster : IAsyncDisposable
{
    private readonly List<IHost> _silos;
    private readonly ComputeDevice _device;
    private readonly InferenceClient _client;

    private EmbeddedCluster(List<IHost> silos, ComputeDevice device)
    {
        _silos = silos;
        _device = device;
        _client = new InferenceClient(silos[0].Services.GetRequiredService<IClusterClient>());
    }

    /// <summary>The cluster as its users see it.</summary>
    public IInferenceClient Client => _client;

    /// <summary>The grains, for tests and tools.</summary>
    internal IGrainFactory Grains => _silos[0].Services.GetRequiredService<IGrainFactory>();

    /// <summary>The services of each silo, for tests and tools.</summary>
    internal IReadOnlyList<IServiceProvider> Silos => [.. _silos.Select(silo => silo.Services)];

    /// <summary>Starts the silos and loads the model.</summary>
    /// <param name="options">What to start.</param>
    /// <param name="progress">Told how much is loaded, about ten times a second.</param>
    /// <param name="cancellationToken">Stops the start; nothing is left running.</param>
    /// <exception cref="ModelFormatException">The model folder cannot be used, or does not fit in memory; the message has the numbers.</exception>
    public static Task<EmbeddedCluster> StartAsync(
        EmbeddedClusterOptions options, IProgress<LoadProgress>? progress = null, CancellationToken cancellationToken = default) =>
        StartAsync(options, () => ComputeBackends.Create(options.Device, options.Threads, options.WeightType), progress, cancellationToken);

    /// <summary>The same with another backend than the options say.</summary>
    internal static async Task<EmbeddedCluster> StartAsync(
        EmbeddedClusterOptions options, Func<IComputeBackend> backend, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        string path = Path.GetFullPath(options.ModelPath);

        // A folder that cannot be used is refused before anything is started.
        ModelFolder.Open(path).Dispose();

        var device = new ComputeDevice(backend(), new ComputeLane(options.Device));
        List<IHost> silos = [];
        try
        {
            await StartSilosAsync(silos, device, options, cancellationToken);
            var cluster = new EmbeddedCluster(silos, device);
            var model = new ModelSpec
            {
                Name = options.ModelName ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(path)),
                Path = path,
                KvType = options.KvType,
                KvTokens = options.KvTokens,
            };
            await cluster.LoadAsync(model, progress, cancellationToken);
            return cluster;
        }
        catch
        {
            await StopAsync(silos, device);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await StopAsync(_silos, _device);
    }

    private static async Task StartSilosAsync(List<IHost> silos, ComputeDevice device, EmbeddedClusterOptions options, CancellationToken cancellationToken)
    {
        var storage = new ProcessGrainStorage();
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * 9 / 10 / options.Silos;
        var store = new SiloStoreOptions(memory, options.WeightType);
        string cluster = Guid.NewGuid().ToString("N");
        IPEndPoint? primary = null;
        for (int i = 0; i < options.Silos; i++)
        {
            var endpoint = new IPEndPoint(IPAddress.Loopback, FreePort.Find(IPAddress.Loopback));
            primary ??= endpoint;
            HostApplicationBuilder builder = OwnedHost.CreateBuilder(options.LogLevel);
            builder.UseOrleans(silo =>
            {
                silo.UseLocalhostClustering(endpoint.Port, gatewayPort: 0, primary, serviceId: "dgpt", clusterId: cluster);

                // The silos live and die together, and a laptop that slept must not declare itself dead.
                silo.Configure<ClusterMembershipOptions>(membership => membership.LivenessEnabled = false);
                silo.AddDistributedGpt(device, store, storage);
            });
            IHost host = builder.Build();
            try
            {
                await host.StartAsync(cancellationToken);
            }
            catch
            {
                // A silo that did not start cannot be stopped like the others.
                host.Dispose();
                throw;
            }

            silos.Add(host);
        }
    }

    private async Task LoadAsync(ModelSpec model, IProgress<LoadProgress>? progress, CancellationToken cancellationToken)
    {
        try
        {
            await new ClusterAdministration(_silos[0].Services.GetRequiredService<IClusterClient>()).LoadModelAsync(model, progress, cancellationToken);
        }
        catch (ModelLoadException e)
        {
            throw new ModelFormatException(e.Message);
        }
    }

    private static async Task StopAsync(List<IHost> silos, ComputeDevice device)
    {
        for (int i = silos.Count - 1; i >= 0; i--)
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            await silos[i].StopAsync(deadline.Token);
        }

        // The lane first, so that nothing computes with weights that are being released.
        device.Lane.Dispose();
        foreach (IHost silo in silos) silo.Dispose();
        device.Backend.Dispose();
    }
}
