namespace DistributedGpt.Engine;

/// <summary>A block that a step fills to its last position, and the hash under which it may be found from then on.</summary>
/// <param name="Block">The block.</param>
/// <param name="Hash">The hash over everything that its content depends on.</param>
public readonly record struct BlockFill(int Block, BlockHash Hash);
