using System.Text.Json;
using DistributedGpt.Models;
using DistributedGpt.Tests;

namespace DistributedGpt.Reference.Tests;

/// <summary>The reference against Hugging Face transformers in float64, see tests/data/golden/README.md.</summary>
public sealed class GoldenTests
{
    // The goldens are printed with six to nine digits, and transformers computes rotary angles in single precision.
    private const double Tolerance = 2e-5;

    public static TheoryData<string> Folders => new(TestData.SupportedGoldens);

    [Theory]
    [MemberData(nameof(Folders))]
    public void Run_GoldenFolder_IsTransformers(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestData.Find("golden", name, "expected.json")));
        ReferenceModel model = new(folder);
        foreach (JsonElement golden in document.RootElement.GetProperty("cases").EnumerateArray())
        {
            int[] prompt = golden.GetProperty("prompt_ids").Deserialize<int[]>()!;
            int[] greedy = golden.GetProperty("greedy_ids").Deserialize<int[]>()!;
            int last = prompt.Length - 1;

            // One pass over prompt and answer: position by position the answer's next id is the most probable one.
            ReferenceResult result = model.Run([.. prompt, .. greedy]);

            double[][] hidden = golden.GetProperty("hidden_last_token").Deserialize<double[][]>()!;
            for (int layer = 0; layer < hidden.Length - 1; layer++) AssertNear(hidden[layer], result.Hidden[layer][last]);
            AssertNear(hidden[^1], result.FinalNorm[last]);
            AssertNear(golden.GetProperty("logits_last_token").Deserialize<double[]>()!, result.Logits[last]);
            AssertNear(
                golden.GetProperty("prompt_logprobs").Deserialize<double[]>()!,
                [.. Enumerable.Range(0, last).Select(i => result.LogProbability(i, prompt[i + 1]))]);
            Assert.Equal(greedy, Enumerable.Range(last, greedy.Length).Select(result.MostProbable));
        }
    }

    private static void AssertNear(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs(a - b) / Math.Max(1, Math.Abs(a))).Max(), 0, Tolerance);
    }
}
