using System.Net;
using System.Net.Sockets;

namespace DistributedGpt.Cluster;

/// <summary>Finds ports.</summary>
internal static class FreePort
{
    /// <summary>A port that is free now; Orleans must know its ports before it listens.</summary>
    public static int Find(IPAddress address)
    {
        using var listener = new TcpListener(address, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
