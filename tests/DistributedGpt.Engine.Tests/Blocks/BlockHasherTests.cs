namespace DistributedGpt.Engine.Tests;

public sealed class BlockHasherTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, StepBatch.BlockSize)];

    [Fact]
    public void Hash_EachInputChanged_Differs()
    {
        BlockHash root = new BlockHasher("model").Root("");
        BlockHash[] hashes =
        [
            BlockHasher.Hash(root, Tokens),
            BlockHasher.Hash(new BlockHasher("other").Root(""), Tokens),
            BlockHasher.Hash(new BlockHasher("model").Root("salt"), Tokens),
            BlockHasher.Hash(BlockHasher.Hash(root, Tokens), Tokens),
            BlockHasher.Hash(root, [.. Tokens.Reverse()]),
        ];

        Assert.Equal(hashes.Length, hashes.Distinct().Count());
        Assert.Equal(hashes[0], BlockHasher.Hash(new BlockHasher("model").Root(""), Tokens));
    }

    [Fact]
    public void Hash_PartialBlock_Throws() => Assert.Throws<ArgumentException>(() => BlockHasher.Hash(default, Tokens.AsSpan(1)));
}
