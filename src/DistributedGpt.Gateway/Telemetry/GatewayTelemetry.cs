using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace DistributedGpt.Gateway;

/// <summary>The meter and the source of activities of everything that gateways tell of themselves.</summary>
internal static class GatewayTelemetry
{
    private const string Name = "DistributedGpt.Gateway";

    /// <summary>The meter.</summary>
    public static Meter Meter { get; } = new(Name);

    /// <summary>The source of activities.</summary>
    public static ActivitySource Activities { get; } = new(Name);
}
