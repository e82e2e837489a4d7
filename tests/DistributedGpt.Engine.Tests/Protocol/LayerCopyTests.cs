namespace DistributedGpt.Engine.Tests;

public sealed class LayerCopyTests
{
    private static readonly BlockHash A = new(1, 1), B = new(2, 2);

    private readonly LayerCopy _copy = new();

    [Fact]
    public void Missing_HeldUnderTheSameHash_IsNotTakenAgain()
    {
        _copy.Take(3, A);
        Assert.Equal([4], _copy.Missing([new(3, A), new(4, B)]));
    }

    [Fact]
    public void Finish_ReusedPartialAndVanishedBlocks_TakesTheFirstTwoAndForgetsTheLast()
    {
        _copy.Take(3, A);
        _copy.Take(4, A);
        _copy.Take(5, A);

        Assert.Equal([4, 7], _copy.Finish([new(3, A), new(4, B)], live: [3, 4, 7]));

        Assert.False(_copy.IsComplete);
        _copy.Take(4, B);
        Assert.False(_copy.IsComplete);
        _copy.Take(7, null);
        Assert.True(_copy.IsComplete);
        Assert.Equal([new(3, A), new(4, B)], _copy.Blocks.OrderBy(fill => fill.Block));
    }

    [Fact]
    public void Finish_Again_TakesPartialBlocksAnew()
    {
        Assert.Equal([4, 7], _copy.Finish([new(4, B)], live: [4, 7]));
        _copy.Take(4, B);
        _copy.Take(7, null);
        Assert.True(_copy.IsComplete);

        Assert.Equal([7, 8], _copy.Finish([new(4, B), new(7, A)], live: [4, 7, 8]));
        Assert.False(_copy.IsComplete);
    }

    [Fact]
    public void IsComplete_BeforeTheLastPhase_IsFalseWhateverWasTaken()
    {
        _copy.Take(3, A);
        Assert.Empty(_copy.Missing([new(3, A)]));
        Assert.False(_copy.IsComplete);
    }

    [Fact]
    public void PlanOrder_LaterEpochOrMigration_EndsEarlierOnes()
    {
        var order = new PlanOrder();
        Assert.True(order.MayChange(3, 1));
        Assert.True(order.MayChange(3, 1));
        Assert.True(order.MayChange(3, 2));
        Assert.False(order.MayChange(3, 1));
        Assert.True(order.MayLoad(3));
        Assert.True(order.MayLoad(4));
        Assert.False(order.MayLoad(3));
        Assert.False(order.MayChange(3, 9));
        Assert.True(order.MayChange(4, 1));
    }
}
