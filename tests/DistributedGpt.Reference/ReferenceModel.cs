using DistributedGpt.Models;

namespace DistributedGpt.Reference;

/// <summary>
/// The transformer written from its formulas, in double precision, for whole sequences and without a cache: slow, obvious, and
/// sharing no arithmetic with what it is there to judge. Notation as in
/// <see href="https://arxiv.org/abs/1706.03762">Attention Is All You Need</see>; rows are tokens.
/// </summary>
public sealed class ReferenceModel(IModelWeights weights)
{
    private readonly ModelConfig _config = weights.Config;
    private readonly ReferenceLayer[] _layers =
        [.. Enumerable.Range(0, weights.Config.LayerCount).Select(layer => new ReferenceLayer(weights, layer))];
    private readonly Matrix _embedding = Matrix.Read(weights.Find(ModelTensor.TokenEmbedding))!;
    private readonly Matrix? _positions = Matrix.Read(weights.Find(ModelTensor.PositionEmbedding));
    private readonly Matrix _finalNormWeight = Matrix.Read(weights.Find(ModelTensor.FinalNormWeight))!;
    private readonly Matrix? _finalNormBias = Matrix.Read(weights.Find(ModelTensor.FinalNormBias));
    private readonly Matrix _unembedding =
        Matrix.Read(weights.Find(weights.Config.TiedEmbeddings ? ModelTensor.TokenEmbedding : ModelTensor.Unembedding))!;

    /// <summary>Runs the model over a sequence from position 0.</summary>
    public ReferenceResult Run(ReadOnlySpan<int> ids)
    {
        // x = embedding of the token (+ embedding of the position)
        double[][] x = new double[ids.Length][];
        for (int position = 0; position < ids.Length; position++)
        {
            x[position] = [.. _embedding.Row(ids[position])];
            if (_positions is not null) Vectors.AddTo(x[position], _positions.Row(position));
        }

        List<double[][]> hidden = [Copy(x)];
        foreach (ReferenceLayer layer in _layers)
        {
            layer.Run(x);
            hidden.Add(Copy(x));
        }

        double[][] final = [.. x.Select(row => Vectors.Normalise(_config.Norm, row, _finalNormWeight, _finalNormBias, _config.NormEpsilon))];
        return new ReferenceResult
        {
            Hidden = [.. hidden],
            FinalNorm = final,
            Logits = [.. final.Select(row => _unembedding.Times(row))],
        };
    }

    private static double[][] Copy(double[][] rows) => [.. rows.Select(row => row.ToArray())];
}
