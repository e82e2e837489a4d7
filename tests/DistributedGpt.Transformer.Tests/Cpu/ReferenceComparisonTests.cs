using DistributedGpt.Models;
using DistributedGpt.Reference;

namespace DistributedGpt.Transformer.Tests;

/// <summary>The CPU backend against the reference in double precision, over random weights and odd shapes of every family.</summary>
public sealed class ReferenceComparisonTests
{
    /// <summary>Largest error allowed, relative to the largest element of the row: some dozens of roundings of 2^-24.</summary>
    private const double Tolerance = 2e-5;

    private const int Shapes = 12;
    private const int Tokens = 41;

    public static TheoryData<string> Families => new(RandomShapes.Families);

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_RandomShapesInChunks_HiddenStatesAndLogitsAreTheReferences(string family)
    {
        for (int seed = 0; seed < Shapes; seed++)
        {
            ModelConfig config = RandomShapes.Draw(family, seed);
            RandomWeights weights = new(config, seed);
            Random random = new(seed);
            int[] ids = [.. Enumerable.Range(0, Tokens).Select(_ => random.Next(config.VocabularySize))];
            ReferenceResult expected = new ReferenceModel(weights).Run(ids);
            using CpuModel model = new(weights, threads: 1 + seed % 2);
            string shape = $"{family} {seed}: {config}";
            int[] borders = [0, random.Next(1, 20), 20, 21, Tokens];
            for (int chunk = 0; chunk + 1 < borders.Length; chunk++)
            {
                int from = borders[chunk];
                if (from == borders[chunk + 1]) continue;
                float[][] logits = model.Step(Rows.Of(ids, from, borders[chunk + 1]));
                for (int row = 0; row < logits.Length; row++)
                {
                    for (int layer = 0; layer <= config.LayerCount; layer++)
                    {
                        float[] hidden = model.Hidden[layer][(row * config.HiddenSize)..((row + 1) * config.HiddenSize)];
                        AssertNear(expected.Hidden[layer][from + row], hidden, $"{shape}, row {from + row} after {layer} layers");
                    }

                    AssertNear(expected.Logits[from + row], logits[row], $"{shape}, logits of row {from + row}");
                }
            }
        }
    }

    private static void AssertNear(double[] expected, float[] actual, string what)
    {
        double bound = Tolerance * expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
        {
            if (!(Math.Abs(expected[i] - actual[i]) <= bound)) Assert.Fail($"{what}: element {i} is {actual[i]}, not {expected[i]} within {bound:g2}.");
        }
    }
}
