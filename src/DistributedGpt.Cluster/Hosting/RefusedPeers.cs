using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Connections.Security;

namespace DistributedGpt.Cluster;

/// <summary>Tells of peers that were refused for want of a certificate.</summary>
internal static partial class RefusedPeers
{
    /// <summary>Watches the connections that others open. To be added before TLS, so that it sees what has become of it.</summary>
    public static Func<ConnectionDelegate, ConnectionDelegate> Watch(IConnectionBuilder builder)
    {
        ILogger logger = builder.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(RefusedPeers));
        return next => async connection =>
        {
            EndPoint? peer = connection.RemoteEndPoint;
            await next(connection);
            if (connection.Features.Get<ITlsConnectionFeature>()?.RemoteCertificate is null) LogRefused(logger, peer);
        };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Refused {Peer}: it has shown no certificate of this cluster's authority")]
    private static partial void LogRefused(ILogger logger, EndPoint? peer);
}
