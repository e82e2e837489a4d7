using DistributedGpt.Transformer;

namespace DistributedGpt.Tests;

public sealed class TrainingTextTests
{
    [Fact]
    public void Split_Shakespeare_HoldsOutTheLastTenth()
    {
        string text = File.ReadAllText(TestData.Find("tinyshakespeare.txt"));
        TrainingText parts = TrainingText.Split(text);

        Assert.Equal(111_540, parts.HeldOut.Length);
        Assert.Equal(text, parts.Training + parts.Selection + parts.HeldOut);
        Assert.Equal(30_116, parts.Selection.Length);
    }
}
