using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;

namespace DistributedGpt.Cluster;

/// <summary>A silo's memory and its compute lane.</summary>
internal sealed class SiloMetrics(SiloStore store, ComputeDevice device, ILocalSiloDetails silo) : IHostedService
{
    private static readonly ConcurrentDictionary<SiloMetrics, bool> s_all = new();

    private readonly KeyValuePair<string, object?> _silo = new("silo", silo.Name);

    static SiloMetrics()
    {
        Meter meter = ClusterTelemetry.Meter;
        meter.CreateObservableGauge("dgpt.silo.memory.reserved", () => s_all.Keys.Select(each => each.Measure(each.Store.ReservedBytes)), "By", "What weights and caches occupy.");
        meter.CreateObservableGauge("dgpt.silo.memory.limit", () => s_all.Keys.Select(each => each.Measure(each.Store.MemoryLimit)), "By", "What weights and caches may occupy.");
        meter.CreateObservableGauge("dgpt.silo.lane.waiting", () => s_all.Keys.Select(each => each.Measure(each.Device.Lane.WaitingCount)), "{item}", "Work that waits for the device.");
    }

    private SiloStore Store => store;

    private ComputeDevice Device => device;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        s_all[this] = true;
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        s_all.TryRemove(this, out _);
        return Task.CompletedTask;
    }

    private Measurement<long> Measure(long value) => new(value, _silo);
}
