namespace DistributedGpt.Engine.Tests;

public sealed class StageSplitterTests
{
    [Theory]
    [InlineData(7, 1, new[] { 7 })]
    [InlineData(7, 3, new[] { 3, 2, 2 })]
    [InlineData(12, 4, new[] { 3, 3, 3, 3 })]
    [InlineData(2, 5, new[] { 1, 1 })]
    public void Split_EqualSilos_SpreadsLayersEvenly(int layers, int silos, int[] expected)
    {
        StagePlan plan = StageSplitter.Split(layers, silos);

        Assert.Equal(expected, plan.Stages.Select(stage => stage.LayerCount));
        Assert.Equal(Enumerable.Range(0, expected.Length), plan.Stages.Select(stage => stage.Silo));
        Assert.Equal(layers, plan.LayerCount);
        Assert.True(plan.Stages[0].Embedding);
        Assert.True(plan.Stages[^1].Head);
    }

    [Fact]
    public void Split_HeavyHead_LightensTheLastStage() =>
        Assert.Equal([5, 5, 2], StageSplitter.Split(12, 3, headWeight: 3).Stages.Select(stage => stage.LayerCount));

    [Fact]
    public void StageOf_EveryLayer_NamesTheStageThatHasIt()
    {
        StagePlan plan = StageSplitter.Split(7, 3);

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
