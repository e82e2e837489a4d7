using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

public sealed unsafe class NormTests
{
    public static TheoryData<NormKind, int> Shapes
    {
        get
        {
            var shapes = new TheoryData<NormKind, int>();
            foreach (NormKind kind in Enum.GetValues<NormKind>())
            {
                foreach (int hidden in (int[])[1, 2, 15, 16, 17, 54, 768, 2049]) shapes.Add(kind, hidden);
            }

            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Norm_AnyWidth_IsTheFormulaWithTheSameBits(NormKind kind, int hidden)
    {
        const int rows = 3;
        const float epsilon = 1e-5f;
        var random = new Random(hidden);
        using NativeBuffer x = TestKernels.Random(random, rows * hidden);
        using NativeBuffer weight = TestKernels.Random(random, hidden);
        using NativeBuffer bias = TestKernels.Random(random, hidden);
        using var team = new WorkerTeam(2);
        float[][] results = [.. TestKernels.All.Select(kernels =>
        {
            using var y = new NativeBuffer(rows * hidden * sizeof(float));
            kernels.Norm(team, new NormOperation
            {
                Kind = kind, Epsilon = epsilon, Weight = weight.Floats, Bias = bias.Floats, X = x.Floats, Y = y.Floats, Rows = rows, Hidden = hidden,
            });
            return TestKernels.ToArray(y, rows * hidden);
        })];
        for (int i = 1; i < results.Length; i++) Assert.Equal(results[0], results[i]);

        for (int row = 0; row < rows; row++)
        {
            double[] values = [.. TestKernels.ToArray(x, rows * hidden)[(row * hidden)..((row + 1) * hidden)]];
            double mean = kind == NormKind.LayerNorm ? values.Average() : 0;
            double scale = 1 / Math.Sqrt(values.Average(value => (value - mean) * (value - mean)) + epsilon);
            for (int i = 0; i < hidden; i++)
            {
                double expected = (values[i] - mean) * scale * weight.Floats[i] + (kind == NormKind.LayerNorm ? bias.Floats[i] : 0);
                Assert.Equal(expected, results[0][row * hidden + i], 2e-5);
            }
        }
    }
}
