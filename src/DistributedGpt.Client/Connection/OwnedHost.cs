using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Client;

/// <summary>Hosts inside a process that is somebody else's: they take nothing from the environment and handle no signals.</summary>
public static class OwnedHost
{
    /// <summary>A host to be furnished.</summary>
    /// <param name="logLevel">The least level of its logs, written to standard error; null: none.</param>
    public static HostApplicationBuilder CreateBuilder(LogLevel? logLevel = null)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        if (logLevel is { } level)
        {
            builder.Logging.SetMinimumLevel(level);
            builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        }

        builder.Services.AddSingleton<IHostLifetime, OwnersLifetime>();
        return builder;
    }
}
