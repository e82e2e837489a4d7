using DistributedGpt.Transformer;
using static TorchSharp.torch;

namespace DistributedGpt.Tests;

public sealed class AttentionStartTests
{
    private const int Hidden = 128;
    private const int Heads = 4;
    private const int Vocabulary = 500;
    private const int Context = 200;

    private readonly Tensor _tokens, _positions;
    private readonly (Tensor Attention, Tensor Output)[] _layers;

    public AttentionStartTests()
    {
        TorchLibrary.Load(new());
        Generator generator = new(3, CPU);
        _tokens = randn([Vocabulary, Hidden], generator: generator) * 0.02;
        _positions = zeros(Context, Hidden);
        _layers = [.. Enumerable.Range(0, 4).Select(_ => (randn([Hidden, 3 * Hidden], generator: generator) * 0.02, zeros(Hidden, Hidden)))];
        AttentionStart.Apply(_tokens, _positions, _layers, Heads, deviation: 0.02, generator);
    }

    [Fact]
    public void Apply_LowerLayers_HeadsAttendTheirNumberOfPositionsBack()
    {
        Tensor x = Embed([.. Enumerable.Range(0, Context)]);

        for (int layer = 0; layer < 2; layer++)
        {
            Tensor attention = Attention(x, layer);
            for (int head = 0; head < Heads; head++)
            {
                Assert.Equal(Enumerable.Range(head + 1, 150).Select(query => (long)(query - head - 1)), attention[head].narrow(0, head + 1, 150).argmax(1).data<long>().ToArray());
            }
        }
    }

    [Fact]
    public void Apply_FirstHeadOfTheMiddleLayer_WritesWhatFollowedThePresentTokenBefore()
    {
        int[] phrase = [.. Enumerable.Range(0, 60).Select(i => i * 7 % Vocabulary)];
        Tensor x = Embed([.. phrase, .. phrase]);

        x = x + Output(Attention(x, 0), x, 0);
        Tensor attention = Attention(x, 2);

        // But for those whose random embeddings are much like another's.
        Assert.InRange(Equal(Enumerable.Range(1, 59), attention[0].narrow(0, 60, 59)), 45, 59);
        Tensor logits = Output(attention, x, 2).matmul(_tokens.t());
        Assert.InRange(Equal(phrase[1..], logits.narrow(0, 60, 59)), 30, 59);

        static int Equal(IEnumerable<int> expected, Tensor rows) =>
            rows.argmax(1).data<long>().ToArray().Zip(expected).Count(pair => pair.First == pair.Second);
    }

    [Fact]
    public void Apply_Positions_AllDifferAndHaveTheDeviationInTheirQuarter()
    {
        Assert.Equal(0.02, _positions.narrow(1, 0, Hidden / 4).square().mean().sqrt().item<float>(), 1e-4);
        Assert.Equal(0, _positions.narrow(1, Hidden / 4, 3 * Hidden / 4).abs().max().item<float>());
        Assert.Equal(0, _tokens.narrow(1, 0, Hidden / 4).abs().max().item<float>());
        Assert.True((cdist(_positions, _positions) + eye(Context)).min().item<float>() > 0.02);
    }

    private Tensor Embed(int[] ids) => _tokens.index_select(0, tensor(ids.Select(id => (long)id).ToArray())) + _positions.narrow(0, 0, ids.Length);

    /// <summary>The attention <c>[heads, query, key]</c> of a layer on the residual stream <c>[length, hidden]</c>.</summary>
    private Tensor Attention(Tensor x, int layer)
    {
        Tensor heads = Split(x, layer);
        Tensor scores = heads[0].matmul(heads[1].transpose(1, 2)) / Math.Sqrt(Hidden / Heads);
        return (scores + full_like(scores, double.NegativeInfinity).triu(1)).softmax(-1);
    }

    private Tensor Output(Tensor attention, Tensor x, int layer) =>
        attention.matmul(Split(x, layer)[2]).transpose(0, 1).reshape(x.shape[0], Hidden).matmul(_layers[layer].Output);

    // [3, heads, length, head size].
    private Tensor Split(Tensor x, int layer) =>
        nn.functional.layer_norm(x, [Hidden]).matmul(_layers[layer].Attention).view(x.shape[0], 3, Heads, Hidden / Heads).permute(1, 2, 0, 3);
}
