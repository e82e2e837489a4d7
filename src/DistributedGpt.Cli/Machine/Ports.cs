using System.Net;
using System.Net.Sockets;

namespace DistributedGpt.Cli;

/// <summary>TCP ports of this machine.</summary>
internal static class Ports
{
    /// <summary>Whether one can listen there at the moment.</summary>
    public static bool IsFree(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
