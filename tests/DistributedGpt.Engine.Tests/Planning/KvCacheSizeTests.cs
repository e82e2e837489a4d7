namespace DistributedGpt.Engine.Tests;

public sealed class KvCacheSizeTests
{
    [Theory]
    [InlineData(null, 2048, 640, 64)]
    [InlineData(null, 1000, 575, 63)]
    [InlineData(null, 131072, 8704, 64)]
    [InlineData(17, 2048, 2, null)]
    [InlineData(int.MaxValue, 2048, 134217728, null)]
    public void Blocks_AskedForOrNot_AreSoMany(int? tokens, int contextLength, int wanted, int? least) =>
        Assert.Equal((wanted, least), (KvCacheSize.Blocks(tokens, contextLength), KvCacheSize.LeastBlocks(tokens, contextLength)));
}
