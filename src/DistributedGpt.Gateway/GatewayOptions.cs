using System.Net;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Gateway;

/// <summary>Where a gateway listens, and its limits.</summary>
public sealed record GatewayOptions
{
    /// <summary>The address to listen at; the loopback by default, so that nothing is open to the network unasked.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port of the HTTP interface; 0: any free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>The port of the gRPC interface (HTTP/2 without TLS); 0: any free one, null: none.</summary>
    public int? GrpcPort { get; init; }

    /// <summary>A stream that is silent for so long gets a comment, so that no proxy and no client gives it up.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest body of a request, and the largest gRPC message received.</summary>
    public int MaxRequestBytes { get; init; } = 16 << 20;

    /// <summary>The most completions of one call: prompts times <c>n</c>.</summary>
    public int MaxChoices { get; init; } = 128;

    /// <summary>The least level of the gateway's logs, written to standard error; null: none.</summary>
    public LogLevel? LogLevel { get; init; }
}
