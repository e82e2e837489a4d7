using Orleans;

namespace DistributedGpt.Engine;

/// <summary>A block that a step fills to its last position, and the hash under which it may be found from then on.</summary>
/// <param name="Block">The block.</param>
/// <param name="Hash">The hash over everything that its content depends on.</param>
[GenerateSerializer, Immutable]
public readonly record struct BlockFill([property: Id(0)] int Block, [property: Id(1)] BlockHash Hash);
