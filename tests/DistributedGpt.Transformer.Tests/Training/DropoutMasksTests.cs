using DistributedGpt.Transformer;
using static TorchSharp.torch;

namespace DistributedGpt.Tests;

public sealed class DropoutMasksTests
{
    public DropoutMasksTests() => TorchLibrary.Load(new());

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void Next_ManyNumbers_DropsTheShareAndKeepsTheMean(double dropout)
    {
        float[] mask = Masks(dropout, seed: 3).Next([1_000_003]).data<float>().ToArray();

        Assert.All(mask.Distinct(), value => Assert.Contains(value, (IEnumerable<float>)[0, (float)(1 / (1 - dropout))]));
        // Five deviations of a binomial share.
        Assert.Equal(dropout, mask.Count(value => value == 0) / (double)mask.Length, 5 * Math.Sqrt(dropout * (1 - dropout) / mask.Length));
        Assert.Equal(1, mask.Average(value => (double)value), 0.006);
    }

    [Fact]
    public void Next_Neighbours_AreIndependent()
    {
        float[] mask = Masks(0.5, seed: 4).Next([1_000_000]).data<float>().ToArray();

        foreach (int distance in (ReadOnlySpan<int>)[1, 2, 8, 64, 256, 1024])
        {
            int equal = mask.Zip(mask.Skip(distance)).Count(pair => pair.First == pair.Second);
            Assert.Equal(0.5, equal / (double)(mask.Length - distance), 0.003);
        }
    }

    [Fact]
    public void Next_SameSeed_GivesTheSameMasks_AndNoTwoInARowAreEqual()
    {
        DropoutMasks first = Masks(0.3, seed: 5), second = Masks(0.3, seed: 5), other = Masks(0.3, seed: 6);
        float[] a = Numbers(first), b = Numbers(first);

        Assert.NotEqual(a, b);
        Assert.Equal(a, Numbers(second));
        Assert.Equal(b, Numbers(second));
        Assert.NotEqual(a, Numbers(other));
    }

    private static float[] Numbers(DropoutMasks masks) => masks.Next([3, 7, 5]).data<float>().ToArray();

    private static DropoutMasks Masks(double dropout, ulong seed)
    {
        DropoutMasks masks = new(dropout, CPU);
        masks.Seed(seed);
        return masks;
    }
}
