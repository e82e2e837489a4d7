using System.Text.Json.Serialization;
using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>How <c>dgpt status --json</c> writes.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ClusterStatus))]
internal sealed partial class StatusJsonContext : JsonSerializerContext;
