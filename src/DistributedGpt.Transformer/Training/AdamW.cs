using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019) on a flat tensor of parameters.</summary>
/// <param name="decayed">The number of leading elements that decay.</param>
/// <param name="weightDecay">Their decay per unit of learning rate.</param>
/// <param name="mean">The gradients' running mean.</param>
/// <param name="square">The running mean of their squares.</param>
internal sealed class AdamW(long decayed, double weightDecay, Tensor mean, Tensor square)
{
    private const double MeanDecay = 0.9;
    private const double SquareDecay = 0.99;
    private const double Epsilon = 1e-8;

    /// <summary>The gradients' running mean.</summary>
    public Tensor Mean => mean;

    /// <summary>The running mean of the gradients' squares.</summary>
    public Tensor Square => square;

    /// <summary>Changes <paramref name="values"/>. <paramref name="count"/> is the number of steps of the moments, this one included.</summary>
    public void Step(Tensor values, Tensor gradients, double learningRate, int count)
    {
        using var scope = NewDisposeScope();
        values.narrow(0, 0, decayed).mul_(1 - learningRate * weightDecay);
        mean.mul_(MeanDecay).add_(gradients, alpha: 1 - MeanDecay);
        square.mul_(SquareDecay).addcmul_(gradients, gradients, value: 1 - SquareDecay);
        Tensor deviation = square.sqrt().div_(Math.Sqrt(1 - Math.Pow(SquareDecay, count))).add_(Epsilon);
        values.addcdiv_(mean, deviation, value: -learningRate / (1 - Math.Pow(MeanDecay, count)));
    }
}
