namespace DistributedGpt.Engine;

/// <summary>
/// How much a replica's KV cache is to hold: the tokens that somebody asked for and no less, else one full context and 8,192 more; and
/// where memory is too short for that as much as fits, at least a context of 1,024 tokens, or the model's own where that is shorter.
/// </summary>
public static class KvCacheSize
{
    private const int ExtraTokens = 8 * 1024;
    private const int LeastTokens = 1024;

    /// <summary>The blocks that are wanted.</summary>
    /// <param name="tokens">The tokens that were asked for, if any.</param>
    /// <param name="contextLength">The model's context.</param>
    public static int Blocks(int? tokens, int contextLength) => BlocksFor(tokens ?? contextLength + (long)ExtraTokens);

    /// <summary>The blocks with which it does where memory is short; null: none less than are wanted.</summary>
    /// <param name="tokens">The tokens that were asked for, if any.</param>
    /// <param name="contextLength">The model's context.</param>
    public static int? LeastBlocks(int? tokens, int contextLength) => tokens is null ? BlocksFor(Math.Min(contextLength, LeastTokens)) : null;

    private static int BlocksFor(long tokens) => (int)((tokens + StepBatch.BlockSize - 1) / StepBatch.BlockSize);
}
