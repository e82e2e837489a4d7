using System.Text.Json;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Tests;
using TorchSharp;

namespace DistributedGpt.Transformer.Tests;

/// <summary>
/// The libtorch backend against Hugging Face transformers (tests/data/golden/README.md) and against the managed one: on the CPU, or on
/// the device that the environment variable DGPT_TEST_DEVICE names.
/// </summary>
public sealed class TorchBackendTests
{
    private const float Tolerance = 2e-4f;

    private static readonly string s_device = Environment.GetEnvironmentVariable("DGPT_TEST_DEVICE") ?? "cpu";

    public static TheoryData<string> Folders => GoldenModelTests.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public void Forward_GoldenPromptInChunks_LogitsAreTransformers(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        foreach (JsonElement expected in Cases(name))
        {
            int[] prompt = expected.GetProperty("prompt_ids").Deserialize<int[]>()!;
            using CpuModel whole = new(Torch(), folder), chunked = new(Torch(), folder);
            int cut = prompt.Length / 3;
            chunked.Step(Rows.Of(prompt, 0, cut));

            float[][] logits = whole.Step(Rows.Of(prompt, 0, prompt.Length));

            AssertNear(expected.GetProperty("logits_last_token").Deserialize<float[]>()!, logits[^1]);
            AssertNear(logits[^1], chunked.Step(Rows.Of(prompt, cut, prompt.Length))[^1]);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Sample_Greedy_IdsAreTransformers(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        SamplingOptions greedy = new() { IgnoreEos = true };
        foreach (JsonElement expected in Cases(name))
        {
            List<int> ids = [.. expected.GetProperty("prompt_ids").Deserialize<int[]>()!];
            int promptLength = ids.Count, first = 0;
            int[] generated = expected.GetProperty("greedy_ids").Deserialize<int[]>()!;
            using CpuModel model = new(Torch(), folder);
            while (ids.Count < promptLength + generated.Length)
            {
                int length = ids.Count;
                ids.Add(model.Sample(Rows.Of([.. ids], first, length, sampling: greedy)).Single().Id);
                first = length;
            }

            Assert.Equal(generated, ids[promptLength..]);
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("qwen3")]
    public void Forward_MixedBatch_LogitsAreTheManagedBackends(string name)
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", name));
        int[] a = Ids(40, 1), b = Ids(23, 2), c = Ids(61, 3);
        using CpuModel torchModel = new(Torch(), folder), managed = new(folder);
        foreach (CpuModel model in (CpuModel[])[torchModel, managed])
        {
            model.Step(Rows.Of(a, 0, 39, lane: 0), Rows.Of(b, 0, 5, lane: 1), Rows.Of(c, 0, 60, lane: 2));
        }

        // A decode, a chunk, a decode: the rows of the decodes do not follow one another.
        StepSequence[] step = [Rows.Of(a, 39, 40, lane: 0), Rows.Of(b, 5, 23, lane: 1), Rows.Of(c, 60, 61, lane: 2)];
        float[][] actual = torchModel.Step(step), expected = managed.Step(step);

        for (int row = 0; row < expected.Length; row++) AssertNear(expected[row], actual[row]);
    }

    [Fact]
    public void Forward_BFloat16Cache_StaysNearTheFloat32One()
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", "llama"));
        int[] ids = Ids(48, 1);
        using CpuModel half = new(Torch(), folder, TensorType.BFloat16), managed = new(folder, cacheType: TensorType.BFloat16);

        AssertNear(managed.Step(Rows.Of(ids, 0, 48))[^1], half.Step(Rows.Of(ids, 0, 48))[^1], 2e-2f);
    }

    [Fact]
    public void Step_Repeated_LeavesNoTensorBehind()
    {
        using ModelFolder folder = ModelFolder.Open(TestData.Find("golden", "qwen3"));
        int[] ids = Ids(64, 1);
        using CpuModel model = new(Torch(), folder);
        SamplingOptions greedy = new() { IgnoreEos = true };
        model.Sample(Rows.Of(ids, 0, 30, sampling: greedy));
        long live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        for (int i = 30; i < 40; i++) model.Sample(Rows.Of(ids, i, i + 1, sampling: greedy));
        model.Sample(Rows.Of(ids, 40, 64, sampling: greedy));

        Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void CopyFrom_HiddenStates_CopyToGivesThemBack()
    {
        using TorchBackend backend = Torch();
        using IHiddenStates x = backend.RentHiddenStates(2, 3);
        float[] values = [1, 2, 3, 4, 5, 6], copied = new float[6];

        x.CopyFrom(values);
        x.CopyTo(copied);

        Assert.Equal(values, copied);
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    public void Constructor_UnknownDevice_NamesIt(string device) =>
        Assert.Contains(device, Assert.Throws<ArgumentException>(() => new TorchBackend(device)).Message);

    [Fact]
    public void Constructor_NoSuchCudaDevice_SaysWhatToDo()
    {
        TorchUnavailableException exception = Assert.Throws<TorchUnavailableException>(() => new TorchBackend("cuda:99"));

        Assert.StartsWith("cuda:99: ", exception.Message);
    }

    private static TorchBackend Torch() => new(s_device, TensorType.Float32, new() { Threads = 1 });

    private static int[] Ids(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(380))];
    }

    private static IEnumerable<JsonElement> Cases(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestData.Find("golden", name, "expected.json")));
        return document.RootElement.GetProperty("cases").Clone().EnumerateArray();
    }

    private static void AssertNear(float[] expected, float[] actual, float tolerance = Tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance);
    }
}
