namespace DistributedGpt.Transformer.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void RepositoryRoot_HoldsTheSolution() =>
        Assert.True(File.Exists(Path.Combine(DistributedGpt.Tests.TestData.RepositoryRoot, "DistributedGpt.sln")));
}
