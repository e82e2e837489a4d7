using DistributedGpt.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>Layer norm or RMS norm over the last dimension, in float32.</summary>
internal sealed class TorchNorm(NormKind kind, float epsilon, Tensor weight, Tensor? bias) : IDisposable
{
    /// <summary>A number that is made for a call may be collected while the call runs: TorchSharp does not keep it alive.</summary>
    private readonly Scalar _epsilon = epsilon;

    /// <summary>Resident bytes.</summary>
    public long Bytes => TorchBytes.Of(weight, bias);

    /// <summary>The norm of <paramref name="x"/> <c>[..., n]</c>.</summary>
    public Tensor Forward(Tensor x)
    {
        if (kind == NormKind.LayerNorm) return nn.functional.layer_norm(x, weight.shape, weight, bias, epsilon);
        return x * x.square().mean([-1], keepdim: true).Plus(_epsilon).rsqrt() * weight;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        weight.Dispose();
        bias?.Dispose();
    }
}
