using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>A projection with weight <c>[outputs, inputs]</c>; computes in the weight's type and returns float32.</summary>
internal sealed class TorchLinear(Tensor weight, Tensor? bias) : IDisposable
{
    /// <summary>Resident bytes.</summary>
    public long Bytes => TorchBytes.Of(weight, bias);

    /// <summary><paramref name="x"/> <c>[rows, inputs]</c> projected to <c>[rows, outputs]</c>.</summary>
    public Tensor Forward(Tensor x) => nn.functional.linear(x.to(weight.dtype), weight, bias).to(ScalarType.Float32);

    /// <inheritdoc/>
    public void Dispose()
    {
        weight.Dispose();
        bias?.Dispose();
    }
}
