using DistributedGpt.Models;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>The rotary embedding of one model on a device. Equal for all layers of a model that share it.</summary>
internal sealed record TorchRotary(RotaryConfig Config, int HeadSize, Device Device)
{
    /// <summary>Cosines and sines <c>[rows, 1, head_size]</c> for <paramref name="positions"/> <c>[rows]</c>.</summary>
    public (Tensor Cosine, Tensor Sine) Angles(Tensor positions)
    {
        // In double precision: a float32 angle is off by 1e-3 at position 10,000.
        Tensor frequencies = tensor(RotaryTable.Frequencies(Config, HeadSize), dtype: ScalarType.Float64, device: Device);
        Tensor half = positions.to(ScalarType.Float64).view(-1, 1, 1) * frequencies;
        Tensor angles = cat([half, half], -1);
        return (angles.cos().to(ScalarType.Float32), angles.sin().to(ScalarType.Float32));
    }

    /// <summary>Turns each head of <paramref name="heads"/> <c>[rows, heads, head_size]</c>: element i with element i + head_size / 2.</summary>
    public Tensor Turn(Tensor heads, (Tensor Cosine, Tensor Sine) angles)
    {
        Tensor first = heads.narrow(-1, 0, HeadSize / 2), second = heads.narrow(-1, HeadSize / 2, HeadSize / 2);
        return (heads * angles.Cosine).Plus(cat([-second, first], -1) * angles.Sine);
    }
}
