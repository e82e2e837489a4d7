using System.Text.Json;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Tests;

namespace DistributedGpt.Transformer.Tests;

/// <summary>The CPU backend against Hugging Face transformers, see tests/data/golden/README.md.</summary>
public sealed class GoldenModelTests
{
    private const float Tolerance = 2e-4f;

    public static TheoryData<string> Folders => new(TestData.SupportedGoldens);

    [Theory]
    [MemberData(nameof(Folders))]
    public void Forward_GoldenFolder_HiddenStatesAndLogitsAreTransformers(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        foreach (JsonElement expected in Cases(name))
        {
            int[] prompt = expected.GetProperty("prompt_ids").Deserialize<int[]>()!;
            using var model = new CpuModel(folder, threads: 2);
            float[][] logits = model.Step(Rows.Of(prompt, 0, prompt.Length));

            float[][] hidden = expected.GetProperty("hidden_last_token").Deserialize<float[][]>()!;

            // The last of them is after the final norm, which is not seen from outside.
            for (int layer = 0; layer < hidden.Length - 1; layer++)
            {
                AssertNear(hidden[layer], model.Hidden[layer][^model.Config.HiddenSize..]);
            }

            AssertNear(expected.GetProperty("logits_last_token").Deserialize<float[]>()!, logits[^1]);
            double[] logprobs = expected.GetProperty("prompt_logprobs").Deserialize<double[]>()!;
            for (int i = 0; i < logprobs.Length; i++)
            {
                double sum = Math.Log(logits[i].Sum(logit => Math.Exp(logit)));
                Assert.Equal(logprobs[i], logits[i][prompt[i + 1]] - sum, Tolerance);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Sample_Greedy_IdsAreTransformers(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        var greedy = new SamplingOptions { IgnoreEos = true };
        foreach (JsonElement expected in Cases(name))
        {
            List<int> ids = [.. expected.GetProperty("prompt_ids").Deserialize<int[]>()!];
            int[] generated = expected.GetProperty("greedy_ids").Deserialize<int[]>()!;
            using var model = new CpuModel(folder);
            int first = 0;
            int promptLength = ids.Count;
            while (ids.Count < promptLength + generated.Length)
            {
                int length = ids.Count;
                ids.Add(model.Sample(Rows.Of([.. ids], first, length, sampling: greedy)).Single().Id);
                first = length;
            }

            Assert.Equal(generated, ids[promptLength..]);
        }
    }

    private static IEnumerable<JsonElement> Cases(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestData.Find("golden", name, "expected.json")));
        return document.RootElement.GetProperty("cases").Clone().EnumerateArray();
    }

    private static void AssertNear(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], Tolerance);
    }
}
