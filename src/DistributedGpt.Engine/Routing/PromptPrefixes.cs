namespace DistributedGpt.Engine;

/// <summary>
/// The beginnings of a prompt by which a router knows where it was computed before: its first 1, 2, 4, 8, ... full blocks. So few
/// are cheap to send and to keep, however long the prompt, and find at least half of what two prompts have in common.
/// </summary>
public static class PromptPrefixes
{
    /// <summary>The hashes of the beginnings, the shortest first; none where the prompt has no full block.</summary>
    /// <param name="hasher">The model's hasher.</param>
    /// <param name="cacheSalt">The request's cache salt.</param>
    /// <param name="promptIds">The prompt.</param>
    public static BlockHash[] Of(BlockHasher hasher, string cacheSalt, ReadOnlySpan<int> promptIds)
    {
        List<BlockHash> prefixes = [];
        BlockHash hash = hasher.Root(cacheSalt);
        for (int block = 1, next = 1; block * StepBatch.BlockSize <= promptIds.Length; block++)
        {
            hash = BlockHasher.Hash(hash, promptIds.Slice((block - 1) * StepBatch.BlockSize, StepBatch.BlockSize));
            if (block != next) continue;
            prefixes.Add(hash);
            next *= 2;
        }

        return [.. prefixes];
    }
}
