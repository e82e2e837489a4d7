using System.Diagnostics;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace DistributedGpt.Cluster;

/// <summary>Sees the connections between this silo and others end. Two silos may have but one, which either of them may have opened.</summary>
internal sealed class PeerConnections
{
    /// <summary>Who only tries whether this silo listens is gone sooner.</summary>
    private static readonly TimeSpan LeastLife = TimeSpan.FromSeconds(1);

    private readonly Channel<IPEndPoint?> _closed = Channel.CreateUnbounded<IPEndPoint?>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>The silos' endpoints whose connection has ended, as it happens; null where it is not known which silo it was.</summary>
    public ChannelReader<IPEndPoint?> Closed => _closed.Reader;

    /// <summary>Watches a connection that this silo opened: it carries the other's endpoint.</summary>
    public ConnectionDelegate WatchOutbound(ConnectionDelegate next) => async connection =>
    {
        var silo = connection.RemoteEndPoint as IPEndPoint;
        try
        {
            await next(connection);
        }
        finally
        {
            _closed.Writer.TryWrite(silo);
        }
    };

    /// <summary>Watches a connection that another silo opened: from which port says nothing of who it is.</summary>
    public ConnectionDelegate WatchInbound(ConnectionDelegate next) => async connection =>
    {
        long opened = Stopwatch.GetTimestamp();
        try
        {
            await next(connection);
        }
        finally
        {
            if (Stopwatch.GetElapsedTime(opened) >= LeastLife) _closed.Writer.TryWrite(null);
        }
    };
}
