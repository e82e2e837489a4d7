using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A Redis server of the test's own, with a log of its writes so that it can be restarted.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory();
    private readonly int _port;
    private readonly string[] _options;
    private Process _process;

    public RedisServer(params string[] options)
    {
        _options = options;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        _process = Start();
    }

    /// <summary>The address of the cluster of that name.</summary>
    public string Address(string cluster) => $"redis://127.0.0.1:{_port}/{cluster}";

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

    private Process Start() => Process.Start(new ProcessStartInfo(
        "redis-server",
        ["--port", _port.ToString(), "--bind", "127.0.0.1", "--dir", _folder.FullName, "--save", "", "--appendonly", "yes", "--appendfsync", "always", .. _options])
    {
        RedirectStandardOutput = true,
    })!;
}
