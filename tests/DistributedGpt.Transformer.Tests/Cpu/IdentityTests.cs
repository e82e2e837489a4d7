using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Transformer.Tests;

/// <summary>A row's bits depend on its sequence alone: hashes of the raw bits of every row's logits.</summary>
public sealed class IdentityTests
{
    private const int Length = 75;

    private static readonly int[] Ids = [.. Enumerable.Range(0, Length).Select(position => (position * 37 + 11) % 101)];

    public static TheoryData<string, TensorType> Models
    {
        get
        {
            var models = new TheoryData<string, TensorType>();
            foreach (string shape in (string[])[nameof(OddShapes.Gpt2), nameof(OddShapes.Llama), nameof(OddShapes.Narrow), nameof(OddShapes.Wide)])
            {
                models.Add(shape, TensorType.Float32);
                models.Add(shape, TensorType.BFloat16);
            }

            return models;
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_AnyVectorWidth_SameBits(string shape, TensorType cacheType)
    {
        var weights = new RandomWeights(OddShapes.Named(shape));
        string[] digests = [.. new[] { KernelSet.Plain, KernelSet.Wide256, KernelSet.Wide512 }.Select(kernels =>
        {
            using var model = new CpuModel(weights, kernels, cacheType: cacheType);
            return CpuModel.Digest(InPieces(model, 40, 1, 34));
        })];
        Assert.Single(digests.Distinct());
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_AnyChunks_SameBits(string shape, TensorType cacheType)
    {
        var weights = new RandomWeights(OddShapes.Named(shape));
        using var model = new CpuModel(weights, cacheType: cacheType);
        string whole = CpuModel.Digest(InPieces(model, Length));
        Assert.Equal(whole, CpuModel.Digest(InPieces(model, [.. Enumerable.Repeat(1, Length)])));
        var random = new Random(3);
        for (int run = 0; run < 8; run++)
        {
            List<int> pieces = [];
            for (int left = Length; left > 0; left -= pieces[^1]) pieces.Add(random.Next(1, Math.Min(left, 25) + 1));
            Assert.Equal(whole, CpuModel.Digest(InPieces(model, [.. pieces])));
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_InMixedBatches_SameBits(string shape, TensorType cacheType)
    {
        var weights = new RandomWeights(OddShapes.Named(shape));
        int[] others = [.. Ids.Reverse()];
        using var model = new CpuModel(weights, cacheType: cacheType);
        string alone = CpuModel.Digest(InPieces(model, Length));
        string otherAlone = CpuModel.Digest(InPieces(model, others, 1, Length));

        // The sequence decodes between a prompt's chunks and beside two others' decodes.
        List<float[]> rows = [];
        List<float[]> otherRows = [];
        int position = 0;
        for (int count = 1; position < Length; count = count % 5 + 1)
        {
            int end = Math.Min(position + count, Length);
            float[][] logits = model.Step(
                Rows.Of(others, position, end, lane: 1), Rows.Of(Ids, position, end), Rows.Of(Ids, position, position + 1, lane: 2));
            otherRows.AddRange(logits[..(end - position)]);
            rows.AddRange(logits[(end - position)..(2 * (end - position))]);
            position = end;
        }

        Assert.Equal(alone, CpuModel.Digest(rows));
        Assert.Equal(otherAlone, CpuModel.Digest(otherRows));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_AnyNumberOfThreads_SameBits(string shape, TensorType cacheType)
    {
        var weights = new RandomWeights(OddShapes.Named(shape));
        string[] digests = [.. new[] { 1, 2, 3, 7 }.Select(threads =>
        {
            using var model = new CpuModel(weights, threads: threads, cacheType: cacheType);
            return CpuModel.Digest(InPieces(model, 51, 1, 1, 22));
        })];
        Assert.Single(digests.Distinct());
    }

    [Fact]
    public void Forward_ManyRows_SameBitsAsFew()
    {
        // More rows than share one pass over a panel: 3 sequences of 75 beside one of 1.
        var weights = new RandomWeights(OddShapes.Llama);
        using var model = new CpuModel(weights, threads: 2, blocks: 128);
        string alone = CpuModel.Digest(InPieces(model, Length));
        float[][] logits = model.Step(
            Rows.Of([.. Ids.Reverse()], 0, Length, lane: 1), Rows.Of(Ids, 0, 1, lane: 2), Rows.Of(Ids, 0, Length));
        Assert.Equal(alone, CpuModel.Digest(logits[(Length + 1)..]));
    }

    [Fact]
    public void Forward_BFloat16WeightsConvertedToFloat32_SameBits()
    {
        var weights = new RandomWeights(OddShapes.Llama);
        using var stored = new CpuModel(weights);
        using var widened = new CpuModel(weights, weightType: TensorType.Float32);
        Assert.Equal(CpuModel.Digest(InPieces(stored, Length)), CpuModel.Digest(InPieces(widened, Length)));
    }

    [Fact]
    public void Forward_BlocksReusedAfterAnotherSequence_SameBits()
    {
        var weights = new RandomWeights(OddShapes.Gpt2);
        using var model = new CpuModel(weights);
        string first = CpuModel.Digest(InPieces(model, Length));
        InPieces(model, [.. Ids.Reverse()], 0, Length);
        Assert.Equal(first, CpuModel.Digest(InPieces(model, Length)));
    }

    [Fact]
    public void Sample_Rows_OnlyWhereAskedInOrder()
    {
        var weights = new RandomWeights(OddShapes.Llama);
        using var model = new CpuModel(weights);
        float[][] logits = model.Step(Rows.Of(Ids, 0, 20));
        SampledToken[] tokens = model.Sample(
            Rows.Of(Ids, 0, 5, lane: 1), Rows.Of(Ids, 0, 20, sampling: new SamplingOptions()), Rows.Of(Ids, 0, 1, lane: 2, sampling: new SamplingOptions()));
        Assert.Equal([20, 1], tokens.Select(token => token.Position));
        Assert.Equal(Array.IndexOf(logits[19], logits[19].Max()), tokens[0].Id);
        Assert.Equal(Array.IndexOf(logits[0], logits[0].Max()), tokens[1].Id);
    }

    [Fact]
    public void Forward_BlockTableTooShort_Throws()
    {
        var weights = new RandomWeights(OddShapes.Gpt2);
        using var model = new CpuModel(weights);
        var sequence = new StepSequence { Id = default, TokenIds = Ids[..17], FirstPosition = 0, BlockTable = [3] };
        Assert.Contains("1 blocks", Assert.Throws<ArgumentException>(() => model.Step(sequence)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Step(sequence with { BlockTable = [3, 64] }));
    }

    private static List<float[]> InPieces(CpuModel model, params int[] pieces) => InPieces(model, Ids, 0, pieces);

    private static List<float[]> InPieces(CpuModel model, int[] ids, int lane, params int[] pieces)
    {
        List<float[]> rows = [];
        int position = 0;
        foreach (int piece in pieces)
        {
            rows.AddRange(model.Step(Rows.Of(ids, position, position + piece, lane)));
            position += piece;
        }

        return rows;
    }
}
