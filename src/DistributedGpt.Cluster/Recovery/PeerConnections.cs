using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace DistributedGpt.Cluster;

/// <summary>Sees the connections from this silo to others end.</summary>
internal sealed class PeerConnections
{
    private readonly Channel<IPEndPoint> _closed = Channel.CreateUnbounded<IPEndPoint>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>The silos' endpoints whose connection has ended, as it happens.</summary>
    public ChannelReader<IPEndPoint> Closed => _closed.Reader;

    /// <summary>Watches a connection: only those that this silo opened carry the other's endpoint.</summary>
    public ConnectionDelegate Watch(ConnectionDelegate next) => async connection =>
    {
        try
        {
            await next(connection);
        }
        finally
        {
            if (connection.RemoteEndPoint is IPEndPoint silo) _closed.Writer.TryWrite(silo);
        }
    };
}
