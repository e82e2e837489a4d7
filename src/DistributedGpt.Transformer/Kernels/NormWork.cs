using DistributedGpt.Models;

namespace DistributedGpt.Transformer;

/// <summary>A <see cref="NormOperation"/> by threads: an item is a row.</summary>
internal readonly unsafe struct NormWork<TSimd, V>(NormOperation operation) : IWork
    where TSimd : ISimd<V>
    where V : unmanaged
{
    public void Run(int item, int worker)
    {
        float* x = operation.X + (long)item * operation.Hidden;
        float* y = operation.Y + (long)item * operation.Hidden;
        if (operation.Kind == NormKind.RmsNorm)
        {
            RowKernel<TSimd, V>.RmsNorm(x, operation.Weight, operation.Epsilon, y, operation.Hidden);
        }
        else
        {
            RowKernel<TSimd, V>.LayerNorm(x, operation.Weight, operation.Bias, operation.Epsilon, y, operation.Hidden);
        }
    }
}
