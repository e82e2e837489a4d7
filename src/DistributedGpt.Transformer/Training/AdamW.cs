using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019) on a flat tensor of parameters.</summary>
/// <param name="weightDecay">Their decay per unit of learning rate.</param>
/// <param name="mean">The gradients' running mean.</param>
/// <param name="square">The running mean of their squares.</param>
internal sealed class AdamW(double weightDecay, Tensor mean, Tensor square)
{
    private const double MeanDecay = 0.9;
    private const double SquareDecay = 0.99;
    private const double Epsilon = 1e-8;

    /// <summary>Changes <paramref name="values"/>. <paramref name="count"/> is the number of steps of the moments, this one included.</summary>
    public void Step(Tensor values, Tensor gradients, double learningRate, int count)
    {
        using var scope = NewDisposeScope();

        // A number that is made for a call may be collected while the call runs: TorchSharp does not keep it alive.
        using Scalar kept = 1 - learningRate * weightDecay, meanKept = MeanDecay, meanNew = 1 - MeanDecay, squareKept = SquareDecay, squareNew = 1 - SquareDecay;
        using Scalar correction = Math.Sqrt(1 - Math.Pow(SquareDecay, count)), epsilon = Epsilon, rate = -learningRate / (1 - Math.Pow(MeanDecay, count));
        values.mul_(kept);
        mean.mul_(meanKept).add_(gradients, alpha: meanNew);
        square.mul_(squareKept).addcmul_(gradients, gradients, value: squareNew);
        values.addcdiv_(mean, square.sqrt().div_(correction).PlusInPlace(epsilon), value: rate);
    }
}
