using Orleans;

namespace DistributedGpt.Engine;

/// <summary>128 bits that name a full block's content: the model, all tokens before it and its own.</summary>
/// <param name="High">The upper half.</param>
/// <param name="Low">The lower half.</param>
[GenerateSerializer, Immutable]
public readonly record struct BlockHash([property: Id(0)] ulong High, [property: Id(1)] ulong Low);
