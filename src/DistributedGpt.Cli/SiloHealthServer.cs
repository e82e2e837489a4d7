using System.Net;
using DistributedGpt.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace DistributedGpt.Cli;

/// <summary>
/// Tells a supervisor how a silo is: <c>GET /health/live</c> answers while the process does, <c>GET /health/ready</c> answers 200
/// while it is a member of the cluster and 503 otherwise.
/// </summary>
internal sealed class SiloHealthServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private SiloHealthServer(WebApplication app) => _app = app;

    /// <summary>Starts to listen.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<SiloHealthServer> StartAsync(ClusterSilo silo, IPAddress address, int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(address, port));
        WebApplication app = builder.Build();
        app.Run(context =>
        {
            (int code, string text) = context.Request.Path.Value switch
            {
                "/health/live" => (StatusCodes.Status200OK, "ok"),
                "/health/ready" when silo.IsActive => (StatusCodes.Status200OK, "ok"),
                "/health/ready" => (StatusCodes.Status503ServiceUnavailable, "no member of the cluster"),
                _ => (StatusCodes.Status404NotFound, "not found"),
            };
            context.Response.StatusCode = code;
            return context.Response.WriteAsync(text);
        });
        await app.StartAsync();
        return new SiloHealthServer(app);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
