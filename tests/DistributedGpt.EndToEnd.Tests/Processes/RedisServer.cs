using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A Redis server of the test's own, with a log of its writes so that it can be restarted.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    /// <summary>The name of its host in a network.</summary>
    public const string Host = "redis";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();
    private readonly HostNetwork? _network;
    private readonly int _port;
    private readonly string[] _options;
    private Process _process;

    public RedisServer(params string[] options)
        : this(null, options)
    {
    }

    /// <summary>Starts it on this machine, or on the host <c>redis</c> of a network.</summary>
    public RedisServer(HostNetwork? network, params string[] options)
    {
        _network = network;
        _options = options;
        _port = network is null ? FindPort() : 6379;
        _process = Start();
    }

    /// <summary>The address of the cluster of that name.</summary>
    public string Address(string cluster) => $"redis://{(_network is null ? "127.0.0.1" : Host)}:{_port}/{cluster}";

    /// <summary>Kills the server.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Starts it again, with what it had.</summary>
    public void Restart() => _process = Start();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _folder.Delete(recursive: true);
    }

    /// <summary>Below the ports that systems give to connections, one of which might take it while the server is away.</summary>
    private static int FindPort()
    {
        while (true)
        {
            int port = Random.Shared.Next(16384, 32768);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }

    private Process Start()
    {
        string[] command =
        [
            "redis-server", "--port", $"{_port}", "--bind", _network is null ? "127.0.0.1" : "0.0.0.0", "--protected-mode", "no", "--dir", _folder.FullName,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always", .. _options,
        ];
        ProcessStartInfo start = _network?.Command(Host, new Dictionary<string, string>(), command) ?? new ProcessStartInfo(command[0], command[1..]);
        start.RedirectStandardOutput = true;
        return Process.Start(start)!;
    }
}
