using System.Text.Json.Serialization;
using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>How <c>dgpt status --json</c> and <c>dgpt rebalance --json</c> write.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ClusterStatus))]
[JsonSerializable(typeof(RebalanceReport[]))]
internal sealed partial class StatusJsonContext : JsonSerializerContext;
