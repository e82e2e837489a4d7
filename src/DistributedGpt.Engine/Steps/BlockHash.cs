namespace DistributedGpt.Engine;

/// <summary>128 bits that name a full block's content: the model, all tokens before it and its own.</summary>
/// <param name="High">The upper half.</param>
/// <param name="Low">The lower half.</param>
public readonly record struct BlockHash(ulong High, ulong Low);
