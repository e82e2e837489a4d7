using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Messaging;

namespace DistributedGpt.Client;

/// <summary>
/// A connection to a cluster of other processes. It keeps to the silos that live: the one that it is connected to may die, and calls
/// go by another.
/// </summary>
public sealed class ClusterConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);

    private readonly IHost _host;
    private readonly InferenceClient _client;

    private ClusterConnection(IHost host)
    {
        _host = host;
        IClusterClient orleans = host.Services.GetRequiredService<IClusterClient>();
        _client = new InferenceClient(orleans);
        Administration = new ClusterAdministration(orleans);
    }

    /// <summary>The models of the cluster.</summary>
    public IInferenceClient Client => _client;

    /// <summary>Loading, unloading and the state of the cluster.</summary>
    public IClusterAdministration Administration { get; }

    /// <summary>Connects; returns when a silo has answered. Silos that are just starting are waited for, twelve seconds.</summary>
    /// <param name="address">The cluster.</param>
    /// <param name="credentials">What to show to silos and to ask of them; null: they speak unencrypted.</param>
    /// <param name="logLevel">The least level of logs, written to standard error; null: none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ClusterUnreachableException">No Redis server or no silo answers there.</exception>
    public static async Task<ClusterConnection> OpenAsync(
        ClusterAddress address, ClusterCredentials? credentials = null, LogLevel? logLevel = null, CancellationToken cancellationToken = default)
    {
        await address.CheckAsync(cancellationToken);
        long started = Stopwatch.GetTimestamp();
        HostApplicationBuilder builder = OwnedHost.CreateBuilder(logLevel);
        builder.UseOrleansClient(client =>
        {
            if (credentials is not null) client.UseTls(credentials.ApplyTo);
            client.Configure<ClusterOptions>(address.Apply);
            client.UseRedisClustering(options => options.ConfigurationOptions = address.ToRedisOptions());
            client.UseConnectionRetryFilter(async (_, cancellation) =>
            {
                if (Stopwatch.GetElapsedTime(started) > Patience) return false;
                await Task.Delay(RetryPause, cancellation);
                return true;
            });
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(2));
        });
        IHost host = builder.Build();
        try
        {
            await host.StartAsync(cancellationToken);
            return new ClusterConnection(host);
        }
        catch (Exception e) when (e is OrleansException or TimeoutException)
        {
            using (host)
            {
                // Orleans ends with what it met last also where it was told to give up.
                cancellationToken.ThrowIfCancellationRequested();
                throw new ClusterUnreachableException($"{address}: no silo of the cluster answers: {await DescribeSilosAsync(host.Services)}", e);
            }
        }
    }

    private static async Task<string> DescribeSilosAsync(IServiceProvider services)
    {
        IList<Uri> silos = await services.GetRequiredService<IGatewayListProvider>().GetGateways();
        return silos.Count == 0 ? "Redis lists none" : $"tried {string.Join(", ", silos.Select(silo => $"{silo.Host}:{silo.Port}"))}";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _host.StopAsync();
        _host.Dispose();
    }
}
