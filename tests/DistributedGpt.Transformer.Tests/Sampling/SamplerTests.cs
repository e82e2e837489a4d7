using System.Text.Json;
using CsCheck;
using DistributedGpt.Engine;
using DistributedGpt.Tests;

namespace DistributedGpt.Transformer.Tests;

public sealed class SamplerTests
{
    private static readonly SamplingOptions Random = new() { Temperature = 1 };

    public static TheoryData<string> GoldenNames =>
        [.. Golden.RootElement.GetProperty("cases").EnumerateArray().Select(one => one.GetProperty("name").GetString()!)];

    private static JsonDocument Golden { get; } = JsonDocument.Parse(File.ReadAllBytes(TestData.Find("golden", "sampling.json")));

    [Theory]
    [MemberData(nameof(GoldenNames))]
    public void ComputeProbabilities_GoldenCase_MatchesTransformers(string name)
    {
        JsonElement golden = Golden.RootElement.GetProperty("cases").EnumerateArray().Single(one => one.GetProperty("name").GetString() == name);
        float[] logits = golden.GetProperty("logits").Deserialize<float[]>()!;
        int[] ids = golden.GetProperty("ids_so_far").Deserialize<int[]>()!;
        double[] expected = golden.GetProperty("probabilities").Deserialize<double[]>()!;
        SamplingOptions options = new()
        {
            Temperature = Number("temperature") ?? 1,
            TopK = (int)(Number("top_k") ?? 0),
            TopP = Number("top_p") ?? 1,
            MinP = Number("min_p") ?? 0,
            RepetitionPenalty = Number("repetition_penalty") ?? 1,
        };

        double[] actual = Probabilities(logits, options, ids, promptLength: 7);

        AssertNear(expected, actual, 1e-6);

        float? Number(string key) => golden.GetProperty(key) is { ValueKind: JsonValueKind.Number } value ? value.GetSingle() : null;
    }

    [Fact]
    public void ComputeProbabilities_RandomLogitsAndOptions_MatchDoublePrecision()
    {
        Gen<SamplingOptions> options =
            from temperature in Gen.OneOf([.. new[] { 1e-4f, 0.3f, 0.8f, 1f, 1.7f, 50f }.Select(Gen.Const)])
            from topK in Gen.OneOf(Gen.Const(0), Gen.Int[1, 300])
            from topP in Gen.OneOf(Gen.Const(1f), Gen.Const(0f), Gen.Float[0, 1])
            from minP in Gen.OneOf(Gen.Const(0f), Gen.Float[0, 1], Gen.Const(1f))
            from repetition in Gen.OneOf([.. new[] { 1f, 2f, 0.5f }.Select(Gen.Const)])
            from presence in Gen.OneOf([.. new[] { 0f, 0.5f, -1f }.Select(Gen.Const)])
            from frequency in Gen.OneOf([.. new[] { 0f, 0.25f }.Select(Gen.Const)])
            from bias in Gen.Select(Gen.Int[0, 9], Gen.Int[-80, 80].Select(x => x / 4f)).Array[0, 4]
            from minTokens in Gen.Int[0, 12]
            from ignoreEos in Gen.Bool
            select new SamplingOptions
            {
                Temperature = temperature,
                TopK = topK,
                TopP = topP,
                MinP = minP,
                RepetitionPenalty = repetition,
                PresencePenalty = presence,
                FrequencyPenalty = frequency,
                LogitBiasIds = [.. bias.Select(one => one.Item1)],
                LogitBiasValues = [.. bias.Select(one => one.Item2)],
                MinTokens = minTokens,
                IgnoreEos = ignoreEos,
                EosTokenIds = [3],
                StopTokenIds = [5, 8],
            };

        // Coarse steps tie often, fine ones seldom; with any of the penalties above, two logits are equal or at least 1/256 apart, in
        // single precision as in double.
        Gen<float[]> logits = Gen.OneOf(Gen.Int[-20, 20].Select(x => x / 4f), Gen.Int[-1536, 1536].Select(x => x / 128f)).Array[10, 500];
        Gen<int[]> ids = Gen.Int[0, 9].Array[1, 20];
        Gen.Select(logits, options, ids, Gen.Int[0, 20]).Sample(
            (row, chosen, history, split) =>
            {
                int promptLength = Math.Min(split, history.Length);
                double[] actual = Probabilities(row, chosen, history, promptLength);
                double tolerance = chosen.Temperature < 0.01 ? 1e-2 : 5e-6;

                // The borders of top-p and min-p, drawn at random, may fall on a token as exactly as single precision can tell.
                return new[] { 0, 1e-6, -1e-6, 1e-5, -1e-5 }.Any(slack =>
                    Distance(NaiveSampler.Probabilities(row, chosen, history, promptLength, slack), actual) < tolerance);
            },
            iter: 3000);
    }

    [Theory]
    [InlineData(0, 1, 0)]
    [InlineData(6, 1, 0)]
    [InlineData(0, 0.9, 0)]
    [InlineData(0, 1, 0.1)]
    public void Sample_ManyPositionsOfOneSeed_FollowTheDistribution(int topK, double topP, double minP)
    {
        float[] logits = [1, 0.5f, 0, -1, -2, 0.3f, -0.2f, 1.2f, -3, 0.9f];
        SamplingOptions options = Random with { TopK = topK, TopP = (float)topP, MinP = (float)minP, Seed = 42 };
        double[] expected = NaiveSampler.Probabilities(logits, options, [1], 1, slack: 1e-6);
        const int draws = 100_000;
        int[] counts = new int[logits.Length];
        Sampler sampler = new(logits.Length);
        for (int i = 0; i < draws; i++) counts[sampler.Sample(Sequence(options, [1], position: i + 1), null, logits).Id]++;

        AssertFrequencies(expected, counts, draws);
    }

    [Fact]
    public void Sample_ManySeedsAtOnePosition_FollowTheDistribution()
    {
        float[] logits = [1, 0.5f, 0, -1, -2, 0.3f, -0.2f, 1.2f, -3, 0.9f];
        double[] expected = NaiveSampler.Probabilities(logits, Random, [1], 1);
        const int draws = 100_000;
        int[] counts = new int[logits.Length];
        Sampler sampler = new(logits.Length);
        for (int i = 0; i < draws; i++) counts[sampler.Sample(Sequence(Random with { Seed = (ulong)i }, [1]), null, logits).Id]++;

        AssertFrequencies(expected, counts, draws);
    }

    [Fact]
    public void Sample_NeighbouringPositionsAndCompletions_AreIndependent()
    {
        // 4 equal tokens: pairs of draws, next to each other in either direction, fall evenly into 16 classes.
        float[] logits = new float[4];
        Sampler sampler = new(4);
        const int draws = 40_000;
        int[] alongPositions = new int[16];
        int[] alongCompletions = new int[16];
        for (int i = 0; i < draws; i++)
        {
            alongPositions[4 * Draw(0, 2 * i) + Draw(0, 2 * i + 1)]++;
            alongCompletions[4 * Draw(2 * i, 7) + Draw(2 * i + 1, 7)]++;
        }

        double[] even = [.. Enumerable.Repeat(1.0 / 16, 16)];
        AssertFrequencies(even, alongPositions, draws);
        AssertFrequencies(even, alongCompletions, draws);

        int Draw(int completion, int position) =>
            sampler.Sample(Sequence(Random with { Seed = 5 }, [1], position + 1, completion), null, logits).Id;
    }

    [Fact]
    public void Sample_SameKey_GivesSameTokenFromAnyInstance()
    {
        float[] logits = RandomLogits(1000, seed: 3);
        Sampler busy = new(1000);
        for (int position = 1; position < 200; position++)
        {
            StepSequence sequence = Sequence(Random with { Seed = 9, TopP = 0.9f, Logprobs = 3 }, [1], position);
            SampledToken first = busy.Sample(sequence, null, logits);
            busy.Sample(Sequence(Random with { TopK = 20 }, [1], position), null, RandomLogits(1000, position));
            Assert.Equal(first.Id, new Sampler(1000).Sample(sequence, null, logits).Id);
            Assert.Equal(position, first.Position);
        }
    }

    [Fact]
    public void Sample_CompletionsOfOneSeed_Differ()
    {
        float[] logits = new float[5000];
        Sampler sampler = new(5000);
        int[] ids = [.. Enumerable.Range(0, 8).Select(completion => sampler.Sample(Sequence(Random, [1], completion: completion), null, logits).Id)];

        Assert.Equal(8, ids.Distinct().Count());
    }

    [Theory]
    [InlineData(new float[] { 1, 5, 5, 2 }, 1)]
    [InlineData(new float[] { float.NegativeInfinity, float.NegativeInfinity, -3e38f }, 2)]
    [InlineData(new float[] { 0, -0f, 0 }, 0)]
    [InlineData(new float[] { -0f, 0 }, 0)]
    [InlineData(new float[] { float.NaN, -1, float.NaN }, 1)]
    [InlineData(new float[] { 3, float.PositiveInfinity, 4 }, 1)]
    [InlineData(new float[] { float.NaN, float.NegativeInfinity }, SampledToken.None)]
    [InlineData(new float[] { float.NaN, float.NaN, float.NaN }, SampledToken.None)]
    public void Sample_TemperatureZeroOrTopK1OrTopP0_TakesLowestIdOfTheBest(float[] logits, int expected)
    {
        SamplingOptions[] greedy =
        [
            new(),
            Random with { TopK = 1 },
            Random with { TopP = 0 },
            Random with { TopP = 0, TopK = 2, MinP = 0.5f },
            Random with { Temperature = 1e30f, TopK = 1 },
        ];
        foreach (SamplingOptions options in greedy)
        {
            Assert.Equal(expected, new Sampler(logits.Length).Sample(Sequence(options, [1]), null, logits).Id);
        }
    }

    [Theory]
    [InlineData(1e-4f)]
    [InlineData(1e-38f)]
    [InlineData(1e-45f)]
    public void ComputeProbabilities_TinyTemperature_PutsAllOnTheBest(float temperature)
    {
        float[] logits = [300, 400, -500, 399];

        double[] probabilities = Probabilities(logits, new() { Temperature = temperature }, [0], 1);

        Assert.Equal([0, 1, 0, 0], probabilities);
    }

    [Fact]
    public void ComputeProbabilities_InfiniteTemperature_IsEvenButForImpossibleTokens() =>
        Assert.Equal([0.5, 0, 0.5], Probabilities([-50, float.NegativeInfinity, 50], new() { Temperature = float.PositiveInfinity }, [0], 1));

    [Fact]
    public void ComputeProbabilities_TopKBelowOne_IsOff()
    {
        float[] logits = RandomLogits(100, 1);

        Assert.Equal(Probabilities(logits, Random, [0], 1), Probabilities(logits, Random with { TopK = -1 }, [0], 1));
    }

    [Fact]
    public void ComputeProbabilities_TiesAtTheBorder_KeepTheLowerIds()
    {
        float[] logits = [0, 1, 0, 1, 0, 1, 1];

        AssertNear([0, 1 / 3.0, 0, 1 / 3.0, 0, 1 / 3.0, 0], Probabilities(logits, Random with { TopK = 3 }, [0], 1), 1e-9);
        AssertNear([0.2, 0.2, 0.2, 0.2, 0.2, 0, 0], Probabilities(new float[7], Random with { TopP = 5 / 7f }, [0], 1), 1e-9);
    }

    [Fact]
    public void ComputeProbabilities_AllEqualInAVastVocabulary_CutsExactly()
    {
        float[] logits = new float[262_144];

        Assert.Equal(131_072, Probabilities(logits, Random with { TopP = 0.5f }, [0], 1).AsSpan().IndexOf(0));
        Assert.Equal(100_000, Probabilities(logits, Random with { TopK = 100_000 }, [0], 1).AsSpan().IndexOf(0));
    }

    [Theory]
    [InlineData(50, 1f, 0f)]
    [InlineData(100_000, 1f, 0f)]
    [InlineData(0, 0.95f, 0f)]
    [InlineData(0, 0.999999f, 0f)]
    [InlineData(0, 1f, 0.02f)]
    [InlineData(1000, 0.9f, 0.01f)]
    public void ComputeProbabilities_VastVocabulary_MatchesDoublePrecision(int topK, float topP, float minP)
    {
        float[] logits = RandomLogits(256_001, seed: 7);
        SamplingOptions options = Random with { TopK = topK, TopP = topP, MinP = minP };

        double[] actual = Probabilities(logits, options, [0], 1);

        // The tail of top-p 0.999999 is decided in the last bits: its tokens weigh 1e-9.
        double[] expected = NaiveSampler.Probabilities(logits, options, [0], 1);
        Assert.InRange(Distance(expected, actual), 0, topP > 0.99f && topP < 1 ? 1e-7 : 1e-8);
        if (topK == 50) Assert.Equal(50, actual.Count(p => p > 0));
    }

    [Fact]
    public void Sample_MinTokensNotReached_MasksEndAndStopTokensEvenAgainstBias()
    {
        float[] logits = [5, 4, 3, 2];
        SamplingOptions options = new() { MinTokens = 2, EosTokenIds = [0], StopTokenIds = [1], LogitBiasIds = [0], LogitBiasValues = [100] };

        Assert.Equal(2, Choose(options, generated: 0));
        Assert.Equal(2, Choose(options, generated: 1));
        Assert.Equal(0, Choose(options, generated: 2));
        Assert.Equal(0, Choose(options with { IgnoreEos = true }, generated: 0));
        Assert.Equal(2, Choose(options with { IgnoreEos = true, StopTokenIds = [0, 1] }, generated: 0));

        int Choose(SamplingOptions chosen, int generated) =>
            new Sampler(4).Sample(Sequence(chosen, [.. Enumerable.Repeat(3, 5 + generated)], promptLength: 5), null, logits).Id;
    }

    [Fact]
    public void ComputeProbabilities_Penalties_CountPromptForRepetitionOnly()
    {
        float[] logits = [2, 2, -2, -2, 2];
        int[] ids = [0, 2, 1, 1, 3];
        SamplingOptions options = Random with { RepetitionPenalty = 2, PresencePenalty = 0.5f, FrequencyPenalty = 0.25f };

        double[] actual = Probabilities(logits, options, ids, promptLength: 2);

        double[] expected = [.. new[] { 1, 1 - 0.5 - 0.5, -4, -4 - 0.5 - 0.25, 2 }.Select(Math.Exp)];
        AssertNear([.. expected.Select(weight => weight / expected.Sum())], actual, 1e-7);
    }

    [Fact]
    public void Sample_BiasOf100_ForcesTheToken()
    {
        float[] logits = RandomLogits(500, 11);
        SamplingOptions options = Random with { LogitBiasIds = [123, 900, -1], LogitBiasValues = [100, 100, 100] };

        Assert.Equal(123, new Sampler(500).Sample(Sequence(options, [1]), null, logits).Id);
    }

    [Fact]
    public void Sample_Logprobs_AreTheModelsOwn()
    {
        float[] logits = RandomLogits(777, 5);
        logits[10] = logits[20] = 30;
        SamplingOptions options = Random with
        {
            Temperature = 0.2f,
            TopK = 1,
            RepetitionPenalty = 2,
            LogitBiasIds = [100],
            LogitBiasValues = [100],
            Logprobs = 5,
        };
        PenaltyProcessor processor = new(options);
        processor.Start([10, 20], 2);

        SampledToken token = new Sampler(777).Sample(Sequence(options, [10, 20]), processor, logits);

        double logSum = 30 + Math.Log(logits.Sum(x => Math.Exp(x - 30.0)));
        int[] best = [.. Enumerable.Range(0, 777).OrderByDescending(id => logits[id]).ThenBy(id => id).Take(5)];
        Assert.Equal(100, token.Id);
        Assert.Equal(logits[100] - logSum, token.Logprobs!.Chosen, 1e-5);
        Assert.Equal(best, token.Logprobs.TopIds);
        Assert.Equal([10, 20], token.Logprobs.TopIds[..2]);
        for (int i = 0; i < 5; i++) Assert.Equal(logits[best[i]] - logSum, token.Logprobs.TopLogprobs[i], 1e-5);
    }

    [Fact]
    public void Sample_LogprobsZero_GivesTheChosenTokensAlone()
    {
        SampledToken token = new Sampler(3).Sample(Sequence(new() { Logprobs = 0 }, [1]), null, [0, 0, 0]);

        Assert.Empty(token.Logprobs!.TopIds);
        Assert.Empty(token.Logprobs.TopLogprobs);
        Assert.Equal(-Math.Log(3), token.Logprobs.Chosen, 1e-6);
    }

    [Fact]
    public void Sample_ImpossibleTokens_HaveFiniteLogprobs()
    {
        float[] logits = [float.NegativeInfinity, 1, float.NaN];
        SamplingOptions options = new() { Logprobs = 10, LogitBiasIds = [1], LogitBiasValues = [float.NegativeInfinity] };

        SampledToken token = new Sampler(3).Sample(Sequence(options, [1]), null, logits);

        Assert.Equal(0, token.Id);
        Assert.Equal(-9999, token.Logprobs!.Chosen);
        Assert.Equal([1, 0, 2], token.Logprobs.TopIds);
        Assert.Equal([0, -9999, -9999], token.Logprobs.TopLogprobs);
    }

    [Fact]
    public void Sample_NothingAsked_AllocatesTheResultOnly()
    {
        float[] logits = RandomLogits(32_000, 1);
        SamplingOptions options = new() { Temperature = 0.8f, TopK = 50, TopP = 0.9f, MinP = 0.01f, FrequencyPenalty = 0.1f, RepetitionPenalty = 1.1f };
        Sampler sampler = new(logits.Length);
        SamplerStates states = new();
        int[] history = [.. Enumerable.Range(0, 100)];
        StepSequence[] steps = [.. Enumerable.Range(100, 64).Select(length => Sequence(options, [length % 10], length, promptLength: 100) with { Id = default })];
        states.Advance(steps[0] with { History = history });
        foreach (StepSequence step in steps[1..32]) sampler.Sample(step, states.Advance(step), logits);

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (StepSequence step in steps[32..]) sampler.Sample(step, states.Advance(step), logits);
        long perToken = (GC.GetAllocatedBytesForCurrentThread() - before) / 32;

        Assert.InRange(perToken, 1, 64);
    }

    [Fact]
    public void Sample_WrongWidth_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Sampler(10).Sample(Sequence(Random, [1]), null, new float[11]));

    /// <summary>A decode step after which <paramref name="ids"/> are in the cache, or as many ids as <paramref name="position"/> says.</summary>
    private static StepSequence Sequence(SamplingOptions options, int[] ids, int? position = null, int completion = 0, int? promptLength = null) => new()
    {
        Id = new SequenceId(Guid.Empty, completion),
        TokenIds = [ids[^1]],
        FirstPosition = (position ?? ids.Length) - 1,
        BlockTable = [],
        Sampling = options,
        PromptLength = promptLength ?? 1,
    };

    private static double[] Probabilities(float[] logits, SamplingOptions options, int[] ids, int promptLength)
    {
        StepSequence sequence = Sequence(options, ids, promptLength: promptLength) with { History = ids };
        double[] probabilities = new double[logits.Length];
        new Sampler(logits.Length).ComputeProbabilities(sequence, new SamplerStates().Advance(sequence), logits, probabilities);
        return probabilities;
    }

    private static float[] RandomLogits(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(2.5 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
    }

    private static double Distance(double[] expected, double[] actual) =>
        expected.Zip(actual, (a, b) => double.IsNaN(b) || (a == 0) != (b == 0) && Math.Max(a, b) > 1e-9 ? 1 : Math.Abs(a - b)).Max();

    private static void AssertNear(double[] expected, double[] actual, double tolerance) =>
        Assert.InRange(Distance(expected, actual), 0, tolerance);

    /// <summary>Pearson's chi-square below its mean plus five standard deviations; tokens cut away never appear.</summary>
    private static void AssertFrequencies(double[] expected, int[] counts, int draws)
    {
        double square = 0;
        int classes = 0;
        for (int id = 0; id < counts.Length; id++)
        {
            if (expected[id] == 0)
            {
                Assert.Equal(0, counts[id]);
                continue;
            }

            classes++;
            square += Math.Pow(counts[id] - draws * expected[id], 2) / (draws * expected[id]);
        }

        Assert.InRange(square, 0, classes - 1 + 5 * Math.Sqrt(2.0 * (classes - 1)));
    }
}
