using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// Momentum whose step is made orthogonal (Jordan 2024, "Muon: An optimizer for hidden layers in neural networks"), so that all
/// directions of a matrix move alike, the rare ones too. A step is as large as one of Adam's and decay is decoupled (Liu et al. 2025,
/// "Muon is Scalable for LLM Training"), so that one learning rate serves both.
/// </summary>
/// <param name="weightDecay">The decay per unit of learning rate.</param>
internal sealed class Muon(double weightDecay)
{
    private const double MomentumDecay = 0.95;
    private const double AdamSize = 0.2;

    /// <summary>Changes a matrix of <paramref name="blocks"/> matrices side by side, each of which moves by itself.</summary>
    /// <param name="values">The matrix <c>[inputs, outputs]</c>.</param>
    /// <param name="gradients">Its gradients.</param>
    /// <param name="momentum">The decaying sum of its gradients.</param>
    /// <param name="blocks">Their number; divides the outputs.</param>
    /// <param name="learningRate">The learning rate.</param>
    public void Step(Tensor values, Tensor gradients, Tensor momentum, int blocks, double learningRate)
    {
        using var scope = NewDisposeScope();
        long inputs = values.shape[0], outputs = values.shape[1] / blocks;
        using Scalar kept = 1 - learningRate * weightDecay, momentumKept = MomentumDecay, rate = -learningRate * AdamSize * Math.Sqrt(Math.Max(inputs, outputs));
        momentum.mul_(momentumKept).PlusInPlace(gradients);

        // Nesterov's: the gradient counts once more.
        Tensor step = gradients.add(momentum, alpha: momentumKept);
        values.mul_(kept);
        for (int block = 0; block < blocks; block++)
            values.narrow(1, block * outputs, outputs).add_(Orthogonalize(step.narrow(1, block * outputs, outputs)), alpha: rate);
    }

    /// <summary>
    /// A matrix with the singular vectors of <paramref name="matrix"/> and singular values near one, by five steps of the
    /// Newton-Schulz iteration of Jordan's polynomial, which trades exactness for speed.
    /// </summary>
    public static Tensor Orthogonalize(Tensor matrix)
    {
        using var scope = NewDisposeScope();
        using Scalar first = 3.4445, third = -4.7750, fifth = 2.0315, size = 1 / (matrix.norm().item<float>() + 1e-7);
        bool tall = matrix.shape[0] > matrix.shape[1];
        Tensor x = (tall ? matrix.t() : matrix) * size;    // [short, long]
        for (int i = 0; i < 5; i++)
        {
            Tensor square = x.matmul(x.t());
            x = (x * first).Plus((square * third).Plus(square.matmul(square) * fifth).matmul(x));
        }
        return (tall ? x.t() : x).MoveToOuterDisposeScope();
    }
}
