using DistributedGpt.Transformer;
using static TorchSharp.torch;

namespace DistributedGpt.Tests;

public sealed class PositionalStartTests
{
    private const int Hidden = 64;
    private const int Heads = 4;

    public PositionalStartTests() => TorchLibrary.Load(new());

    [Fact]
    public void LookBack_EachHead_AttendsItsNumberOfPositionsBack()
    {
        Tensor positions = zeros(40, Hidden), projection = zeros(Hidden, 3 * Hidden);
        PositionalStart.FillPositions(positions, deviation: 1);
        PositionalStart.LookBack(projection, Heads);
        Tensor heads = positions.matmul(projection).view(40, 3, Heads, Hidden / Heads).permute(1, 2, 0, 3);
        Tensor scores = heads[0].matmul(heads[1].transpose(1, 2));    // [heads, query, key]

        for (int head = 0; head < Heads; head++)
            Assert.Equal(Enumerable.Range(head + 1, 30).Select(query => (long)(query - head - 1)), scores[head].narrow(0, head + 1, 30).argmax(1).data<long>().ToArray());
    }

    [Fact]
    public void FillPositions_AllDiffer_AndHaveTheDeviation()
    {
        Tensor positions = zeros(256, Hidden);
        PositionalStart.FillPositions(positions, deviation: 0.02);

        Assert.Equal(0.02, positions.square().mean().sqrt().item<float>(), 1e-4);
        Tensor nearest = cdist(positions, positions) + eye(256);
        Assert.True(nearest.min().item<float>() > 0.02);
    }
}
