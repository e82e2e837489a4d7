namespace DistributedGpt.Engine.Tests;

public sealed class StagePlanTests
{
    [Fact]
    public void StageOf_EveryLayer_NamesTheStageThatHasIt()
    {
        var plan = new StagePlan([new(0, 0, 3, true, false), new(1, 3, 2, false, false), new(2, 5, 2, false, true)]);

        Assert.Equal(7, plan.LayerCount);
        Assert.Equal([0, 0, 0, 1, 1, 2, 2], Enumerable.Range(0, 7).Select(plan.StageOf));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.StageOf(7));
    }

    [Fact]
    public void Plan_Gap_IsRefused()
    {
        var error = Assert.Throws<ArgumentException>(() => new StagePlan([new(0, 0, 2, true, false), new(1, 3, 1, false, true)]));

        Assert.Contains("Stage 1 has 1 layers from 3; expected at least one from 2", error.Message, StringComparison.Ordinal);
    }
}
