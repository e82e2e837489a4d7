using DistributedGpt.Transformer;
using static TorchSharp.torch;

namespace DistributedGpt.Tests;

public sealed class MuonTests
{
    public MuonTests() => TorchLibrary.Load(new());

    [Theory]
    [InlineData(24, 64)]
    [InlineData(64, 24)]
    [InlineData(32, 32)]
    public void Orthogonalize_AnyShape_BringsSingularValuesNearOneAndKeepsTheirVectors(int rows, int columns)
    {
        Tensor matrix = Random(rows, columns);
        Tensor result = Muon.Orthogonalize(matrix);

        // The iteration's polynomial leaves them between 0.68 and 1.13, but for those of almost nothing.
        float[] values = linalg.svdvals(result).data<float>().ToArray();
        Assert.All(values[..^2], value => Assert.InRange(value, 0.6, 1.2));
        (Tensor left, _, Tensor right) = linalg.svd(matrix, fullMatrices: false);
        Tensor rotated = left.t().matmul(result).matmul(right.t());
        Assert.True((rotated - diag(rotated.diagonal())).abs().max().item<float>() < 1e-3);
    }

    [Fact]
    public void Step_GradientsOfAnySize_MoveAlike()
    {
        Tensor gradients = Random(16, 48);
        Tensor small = Moved(gradients * 1e-3f, blocks: 1), large = Moved(gradients * 1e3f, blocks: 1);

        Assert.True((small - large).abs().max().item<float>() < 1e-5);
        // Orthogonal rows, so each element is about 0.2 times the learning rate.
        Assert.InRange(small.square().mean().sqrt().item<float>(), 0.01f * 0.2f * 0.6f, 0.01f * 0.2f * 1.2f);
    }

    [Fact]
    public void Step_ThreeBlocks_MoveByThemselves()
    {
        Tensor gradients = Random(16, 48), louder = gradients.clone();
        louder.narrow(1, 0, 16).mul_(1000);
        Tensor first = Moved(gradients, blocks: 3), second = Moved(louder, blocks: 3);

        Assert.True((first - second).abs().max().item<float>() < 1e-5);
        Assert.False((Moved(gradients, blocks: 1) - Moved(louder, blocks: 1)).abs().max().item<float>() < 1e-5);
    }

    private static Tensor Moved(Tensor gradients, int blocks)
    {
        Tensor values = zeros_like(gradients);
        new Muon(weightDecay: 0.1).Step(values, gradients, zeros_like(gradients), blocks, learningRate: 0.01);
        return values;
    }

    private static Tensor Random(long rows, long columns)
    {
        using var generator = new Generator(7, CPU);
        return empty(rows, columns).normal_(0, 1, generator);
    }
}
