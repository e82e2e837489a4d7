using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Moves the parameters of a GPT-2 by their gradients: the layers' matrices by <see cref="Muon"/>, all others by <see cref="AdamW"/>.</summary>
internal sealed class Optimizer
{
    private readonly Gpt2Parameters _parameters;
    private readonly Tensor _mean;
    private readonly Muon _layers;
    private readonly AdamW _embeddings;
    private readonly AdamW _vectors;

    /// <summary>Makes an optimizer.</summary>
    /// <param name="parameters">Names the parameters.</param>
    /// <param name="weightDecay">The decay of matrices per unit of learning rate.</param>
    /// <param name="mean">The running means of gradients, or the decaying sums, laid out as the parameters.</param>
    /// <param name="square">The running means of squared gradients, laid out as the parameters.</param>
    public Optimizer(Gpt2Parameters parameters, double weightDecay, Tensor mean, Tensor square)
    {
        (_parameters, _mean) = (parameters, mean);
        _layers = new(weightDecay);
        _embeddings = new(weightDecay, parameters.Embeddings(mean), parameters.Embeddings(square));
        _vectors = new(0, parameters.Vectors(mean), parameters.Vectors(square));
    }

    /// <summary>Changes <paramref name="values"/>. <paramref name="count"/> is the number of steps, this one included.</summary>
    public void Step(Tensor values, Tensor gradients, double learningRate, int count)
    {
        _embeddings.Step(_parameters.Embeddings(values), _parameters.Embeddings(gradients), learningRate, count);
        _vectors.Step(_parameters.Vectors(values), _parameters.Vectors(gradients), learningRate, count);
        foreach (Gpt2Parameters.Entry matrix in _parameters.LayerMatrices)
            _layers.Step(Gpt2Parameters.View(values, matrix), Gpt2Parameters.View(gradients, matrix), Gpt2Parameters.View(_mean, matrix), matrix.Blocks, learningRate);
    }
}
