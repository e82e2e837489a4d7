namespace DistributedGpt.Engine.Tests;

public sealed class BlockPoolTests
{
    private static BlockHash Hash(ulong n) => new(n, n);

    [Fact]
    public void Allocate_EmptyPool_HandsOutEachBlockOnceThenThrows()
    {
        var pool = new BlockPool(3);

        Assert.Equal([0, 1, 2], new[] { pool.Allocate(), pool.Allocate(), pool.Allocate() });
        Assert.Equal((0, 0, 3), (pool.FreeCount, pool.CachedCount, pool.InUseCount));
        Assert.Throws<InvalidOperationException>(() => pool.Allocate());
    }

    [Fact]
    public void Release_LastReferenceOfFindableBlock_KeepsItCachedForSharing()
    {
        var pool = new BlockPool(2);
        int block = pool.Allocate();
        pool.Cache(block, Hash(7));
        Assert.True(pool.TryShare(Hash(7), out int shared));
        Assert.Equal(block, shared);

        pool.Release(block);
        Assert.Equal((1, 0, 1), (pool.FreeCount, pool.CachedCount, pool.InUseCount));
        pool.Release(block);
        Assert.Equal((1, 1, 0), (pool.FreeCount, pool.CachedCount, pool.InUseCount));

        Assert.True(pool.TryShare(Hash(7), out shared));
        Assert.Equal(block, shared);
        Assert.Equal(1, pool.ReferencesTo(block));
    }

    [Fact]
    public void Allocate_NoFreeBlock_EvictsTheLongestUnusedCachedOne()
    {
        var pool = new BlockPool(3);
        for (ulong n = 0; n < 3; n++) pool.Cache(pool.Allocate(), Hash(n));
        pool.Release(1);
        pool.Release(0);
        pool.Release(2);
        Assert.True(pool.TryShare(Hash(1), out _));
        pool.Release(1);

        Assert.Equal(0, pool.Allocate());
        Assert.Null(pool.HashOf(0));
        Assert.False(pool.TryShare(Hash(0), out _));
        Assert.Equal(2, pool.Allocate());
        Assert.Equal(1, pool.Allocate());
    }

    [Fact]
    public void Cache_ContentThatAnotherBlockHas_LeavesTheFirst()
    {
        var pool = new BlockPool(2);
        pool.Cache(pool.Allocate(), Hash(1));
        pool.Cache(pool.Allocate(), Hash(1));

        pool.Release(1);

        Assert.Equal((1, 0, 1), (pool.FreeCount, pool.CachedCount, pool.InUseCount));
        Assert.True(pool.TryShare(Hash(1), out int block));
        Assert.Equal(0, block);
    }

    [Fact]
    public void Cache_FullBlockUnderAnotherHash_Throws()
    {
        var pool = new BlockPool(1);
        pool.Cache(pool.Allocate(), Hash(1));

        Assert.Throws<InvalidOperationException>(() => pool.Cache(0, Hash(2)));
    }

    [Fact]
    public void Release_BlockNotInUse_Throws() => Assert.Throws<InvalidOperationException>(() => new BlockPool(1).Release(0));

    [Fact]
    public void Adopt_BlocksOfStages_TakesFreeOnesWithNewContent()
    {
        var pool = new BlockPool(4);
        int used = pool.Allocate();

        pool.Adopt([(used, Hash(1)), (2, Hash(2)), (3, Hash(2)), (1, Hash(3)), (9, Hash(4))]);

        Assert.Equal((1, 2, 1), (pool.FreeCount, pool.CachedCount, pool.InUseCount));
        Assert.True(pool.TryShare(Hash(2), out int block));
        Assert.Equal(2, block);
        Assert.Equal(3, pool.Allocate());
        Assert.Equal(1, pool.Allocate());
        Assert.False(pool.Contains(Hash(3)));
    }

    [Fact]
    public void ForgetUnused_CachedBlocks_BecomeFreeAndThoseInUseStay()
    {
        var pool = new BlockPool(3);
        for (ulong n = 0; n < 3; n++) pool.Cache(pool.Allocate(), Hash(n));
        pool.Release(0);
        pool.Release(2);

        pool.ForgetUnused();

        Assert.Equal((2, 0, 1), (pool.FreeCount, pool.CachedCount, pool.InUseCount));
        Assert.True(pool.Contains(Hash(1)));
        Assert.False(pool.Contains(Hash(0)));
    }

    [Fact]
    public void Forget_BlockInUse_IsFreeAfterItsRelease()
    {
        var pool = new BlockPool(1);
        pool.Cache(pool.Allocate(), Hash(1));

        pool.Forget(0);
        Assert.False(pool.Contains(Hash(1)));
        pool.Release(0);

        Assert.Equal((1, 0), (pool.FreeCount, pool.CachedCount));
    }
}
