using System.Diagnostics;
using System.Globalization;
using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Cluster;

namespace DistributedGpt.Benchmarks;

/// <summary>A Redis server for the clusters of a benchmark, without durability.</summary>
internal sealed class BenchmarkRedis : IDisposable
{
    private readonly int _port = FreePort.Find(IPAddress.Loopback);
    private readonly Process _process;

    /// <summary>Starts it.</summary>
    public BenchmarkRedis() => _process = Process.Start(new ProcessStartInfo(
        "redis-server", ["--port", _port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
    {
        RedirectStandardOutput = true,
    })!;

    /// <summary>The address of the cluster of that name.</summary>
    public ClusterAddress Address(string cluster) => ClusterAddress.Parse($"redis://127.0.0.1:{_port}/{cluster}");

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
