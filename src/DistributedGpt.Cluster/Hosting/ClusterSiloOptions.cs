using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cluster;

/// <summary>A silo in a process of its own.</summary>
public sealed record ClusterSiloOptions
{
    /// <summary>The cluster that it joins.</summary>
    public required ClusterAddress Cluster { get; init; }

    /// <summary>Its name, unique in the cluster; under it, it gets its layers back after a restart.</summary>
    public required string Name { get; init; }

    /// <summary>What it shows to other members and asks of them; null: it speaks unencrypted, with anyone.</summary>
    public ClusterCredentials? Credentials { get; init; }

    /// <summary>The address under which the others know it.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The address at which it listens, where something in between leads there from <see cref="Address"/>; null: the same.</summary>
    public IPAddress? ListenAddress { get; init; }

    /// <summary>The port for other silos; 0: any free one.</summary>
    public int Port { get; init; }

    /// <summary>The port for clients and gateways; 0: any free one.</summary>
    public int GatewayPort { get; init; }

    /// <summary>Bytes that weights and caches may occupy; null: nine tenths of what the process may use.</summary>
    public long? Memory { get; init; }

    /// <summary><c>cpu</c>, or <c>cuda[:index]</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Threads of the CPU's worker team; null: one per core.</summary>
    public int? Threads { get; init; }

    /// <summary>Cores that the CPU's worker team is bound to, in turn; null: none.</summary>
    public IReadOnlyList<int>? Cores { get; init; }

    /// <summary>The type of resident weights; null: as stored.</summary>
    public TensorType? WeightType { get; init; }

    /// <summary>How long the device takes for a layer of common shape, so how strong it is beside others; null: measured at the start.</summary>
    public StepTimes? SampleTimes { get; init; }

    /// <summary>Whether models are rebalanced without being told; the oldest silo's word counts for all.</summary>
    public bool Rebalances { get; init; }

    /// <summary>How long its layers may take to move to others when it is asked to stop.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The least level of Orleans' and the cluster's logs, written to standard error; null: none.</summary>
    public LogLevel? LogLevel { get; init; }
}
