namespace DistributedGpt.Transformer.Tests;

public sealed unsafe class SharedMatrixTests
{
    [Fact]
    public void AcquireEmbedding_Twice_OneCopyUntilTheLastIsGone()
    {
        var weights = new RandomWeights(OddShapes.Gpt2);
        using var cpu = new CpuContext(new CpuBackendOptions { Threads = 1 }, KernelSet.Best);
        SharedMatrix first = cpu.AcquireEmbedding(weights);
        SharedMatrix second = cpu.AcquireEmbedding(weights);
        Assert.Same(first, second);
        first.Dispose();
        Assert.True(second.Matrix.Panel(0) != null);
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = second.Matrix.Panel(0); });
    }
}
