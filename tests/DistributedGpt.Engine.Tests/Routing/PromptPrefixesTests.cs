namespace DistributedGpt.Engine.Tests;

public sealed class PromptPrefixesTests
{
    private static readonly BlockHasher Hasher = new("model");

    [Theory]
    [InlineData(15, 0)]
    [InlineData(16, 1)]
    [InlineData(63, 2)]
    [InlineData(64, 3)]
    [InlineData(100_000, 13)]
    public void Of_APrompt_GrowsWithItsLogarithm(int tokens, int expected) =>
        Assert.Equal(expected, PromptPrefixes.Of(Hasher, "", new int[tokens]).Length);

    [Fact]
    public void Of_PromptsThatPartInTheThirdBlock_AgreeInTwo()
    {
        int[] one = [.. Enumerable.Range(0, 80)], other = [.. one];
        other[40] = 7;

        BlockHash[] a = PromptPrefixes.Of(Hasher, "", one), b = PromptPrefixes.Of(Hasher, "", other);

        Assert.Equal(a[..2], b[..2]);
        Assert.NotEqual(a[2], b[2]);
        Assert.Empty(a.Intersect(PromptPrefixes.Of(Hasher, "salt", one)));
        Assert.Equal(BlockHasher.Hash(BlockHasher.Hash(Hasher.Root(""), one.AsSpan(0, 16)), one.AsSpan(16, 16)), a[1]);
    }
}
