using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// The parameters of a GPT-2 in one flat tensor, so that clipping, averaging and checkpoints are a few operations over all of them:
/// embeddings, the layers' matrices, biases and norms. Names and shapes are those of the checkpoints of GPT-2
/// (projections <c>[inputs, outputs]</c>).
/// </summary>
internal sealed class Gpt2Parameters
{
    private const double Deviation = 0.02;

    private readonly TrainingOptions _options;
    private readonly long _firstLayerMatrix;
    private readonly long _firstVector;

    /// <summary>Lists the parameters of the model that <paramref name="options"/> describe with <paramref name="vocabulary"/> tokens.</summary>
    public Gpt2Parameters(TrainingOptions options, int vocabulary)
    {
        _options = options;
        long hidden = options.Hidden;
        List<(string Name, long[] Shape)> matrices = [("transformer.wte.weight", [vocabulary, hidden]), ("transformer.wpe.weight", [options.Context, hidden])];
        List<(string Name, long[] Shape)> vectors = [("transformer.ln_f.weight", [hidden]), ("transformer.ln_f.bias", [hidden])];
        for (int layer = 0; layer < options.Layers; layer++)
        {
            string prefix = $"transformer.h.{layer}.";
            foreach ((string name, long inputs, long outputs) in (ReadOnlySpan<(string, long, long)>)
                [("attn.c_attn", hidden, 3 * hidden), ("attn.c_proj", hidden, hidden), ("mlp.c_fc", hidden, 4 * hidden), ("mlp.c_proj", 4 * hidden, hidden)])
            {
                matrices.Add(($"{prefix}{name}.weight", [inputs, outputs]));
                vectors.Add(($"{prefix}{name}.bias", [outputs]));
            }
            foreach (string norm in (ReadOnlySpan<string>)["ln_1", "ln_2"])
            {
                vectors.Add(($"{prefix}{norm}.weight", [hidden]));
                vectors.Add(($"{prefix}{norm}.bias", [hidden]));
            }
        }
        long offset = 0;
        foreach ((string name, long[] shape) in matrices.Concat(vectors))
        {
            Entries.Add(new(name, shape, offset));
            offset += Entries[^1].Elements;
        }
        Elements = offset;
        _firstLayerMatrix = Entries[2].Offset;
        _firstVector = Entries[matrices.Count].Offset;
    }

    /// <summary>All parameters, in the flat tensor's order.</summary>
    public List<Entry> Entries { get; } = [];

    /// <summary>Elements of the flat tensor.</summary>
    public long Elements { get; }

    /// <summary>The matrices of the layers.</summary>
    public IEnumerable<Entry> LayerMatrices => Entries.Skip(2).TakeWhile(entry => entry.Shape.Length == 2);

    /// <summary>The part of <paramref name="flat"/> that holds the embeddings.</summary>
    public Tensor Embeddings(Tensor flat) => flat.narrow(0, 0, _firstLayerMatrix);

    /// <summary>The part of <paramref name="flat"/> that holds biases and norms.</summary>
    public Tensor Vectors(Tensor flat) => flat.narrow(0, _firstVector, Elements - _firstVector);

    /// <summary>
    /// New parameters: normal with deviation 0.02, norms one, biases and the projections into the residual stream zero, so that each
    /// layer begins by passing on what it gets; embeddings and attention then as <see cref="AttentionStart"/> changes them.
    /// </summary>
    public Tensor Initialize(int seed)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using Generator generator = new((ulong)seed, CPU);
        using Scalar one = 1;
        Tensor flat = zeros(Elements);
        foreach (Entry entry in Entries)
        {
            Tensor part = View(flat, entry);
            if (entry.Name.EndsWith("c_proj.weight")) continue;
            if (entry.Shape.Length == 2) part.normal_(0, Deviation, generator);
            else if (entry.Name.EndsWith("weight")) part.fill_(one);
        }
        Entry[] matrices = [.. LayerMatrices];
        AttentionStart.Apply(View(flat, Entries[0]), View(flat, Entries[1]),
            [.. matrices.Chunk(4).Select(layer => (View(flat, layer[0]), View(flat, layer[1])))], _options.Heads, Deviation, generator);
        return flat.MoveToOuterDisposeScope();
    }

    /// <summary>The part of <paramref name="flat"/> that <paramref name="entry"/> names, in its shape.</summary>
    public static Tensor View(Tensor flat, Entry entry) =>
        flat.narrow(0, entry.Offset, entry.Elements).view(entry.Shape);

    /// <summary>One parameter.</summary>
    /// <param name="Name">Its name in a checkpoint.</param>
    /// <param name="Shape">Its shape there.</param>
    /// <param name="Offset">Its first element in the flat tensor.</param>
    internal readonly record struct Entry(string Name, long[] Shape, long Offset)
    {
        /// <summary>Its number of elements.</summary>
        public long Elements => Shape.Aggregate(1L, (product, size) => product * size);

        /// <summary>The matrices that stand side by side in it: queries, keys and values share one.</summary>
        public int Blocks => Name.EndsWith("c_attn.weight") ? 3 : 1;
    }
}
