using System.Text.Json.Serialization;

namespace DistributedGpt.Cli;

/// <summary>The serializers of <see cref="GenerationObject"/>.</summary>
[JsonSerializable(typeof(GenerationObject))]
internal sealed partial class GenerationJsonContext : JsonSerializerContext;
