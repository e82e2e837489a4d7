using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// Sums of tensors. TorchSharp's own, operators included, make a number 1 for each call, which may be collected while the call
/// runs: rare, and then any memory is read. These use one that stays.
/// </summary>
internal static class TensorSums
{
    private static readonly Scalar s_one = 1;

    /// <summary>The sum of two tensors.</summary>
    public static Tensor Plus(this Tensor left, Tensor right) => left.add(right, s_one);

    /// <summary>A tensor with a number, which the caller keeps, added to each element.</summary>
    public static Tensor Plus(this Tensor left, Scalar right) => left.add(right, s_one);

    /// <summary>Adds a tensor to this one.</summary>
    public static Tensor PlusInPlace(this Tensor left, Tensor right) => left.add_(right, s_one);

    /// <summary>Adds a number, which the caller keeps, to each element of this tensor.</summary>
    public static Tensor PlusInPlace(this Tensor left, Scalar right) => left.add_(right, s_one);
}
