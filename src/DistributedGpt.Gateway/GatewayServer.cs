using DistributedGpt.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Gateway;

/// <summary>A gateway with its own web server. It takes nothing from the environment and handles no signals: its owner does.</summary>
public sealed class GatewayServer : IAsyncDisposable
{
    /// <summary>Longer than the idle time-outs of the usual proxies, so that it is never this side that closes a connection in use.</summary>
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(11);

    /// <summary>A client may pause in its reading; one that takes nothing for so long is gone, and its request ends.</summary>
    private static readonly TimeSpan ReaderTimeout = TimeSpan.FromMinutes(1);

    private readonly WebApplication _app;
    private readonly RunningRequests _running;

    private GatewayServer(WebApplication app, GatewayOptions options)
    {
        _app = app;
        _running = app.Services.GetRequiredService<RunningRequests>();
        Uri[] addresses = [.. app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Select(address => new Uri(address))];
        Address = addresses[0];
        GrpcAddress = options.GrpcPort is null ? null : addresses[1];
    }

    /// <summary>Where the HTTP interface is.</summary>
    public Uri Address { get; }

    /// <summary>Where the gRPC interface is, if there is one.</summary>
    public Uri? GrpcAddress { get; }

    /// <summary>How many requests are being served.</summary>
    public int RunningRequests => _running.Count;

    /// <summary>Starts to listen.</summary>
    /// <exception cref="IOException">A port is taken.</exception>
    public static async Task<GatewayServer> StartAsync(IInferenceClient client, GatewayOptions options, CancellationToken cancellationToken = default)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.KeepAliveTimeout = IdleTimeout;
            kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: ReaderTimeout);
            kestrel.Listen(options.Address, options.Port, listen => listen.Protocols = HttpProtocols.Http1);
            if (options.GrpcPort is { } port) kestrel.Listen(options.Address, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        if (options.LogLevel is { } level)
        {
            builder.Logging.SetMinimumLevel(level);
            builder.Logging.AddSimpleConsole();
            builder.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        }

        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        builder.Services.AddGateway(client, options);
        WebApplication app = builder.Build();
        try
        {
            app.MapGateway();
            await app.StartAsync(cancellationToken);
            return new GatewayServer(app, options);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Refuses new requests with 503, waits until those that run have ended, and stops when their clients have received everything.
    /// </summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        await _running.DrainAsync(cancellationToken);

        // A handler has ended when its answer is written; the answer's end may still wait in this process for its reader.
        await _app.StopAsync(cancellationToken);
    }

    /// <summary>Ends at once: requests that still run are broken off.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}
