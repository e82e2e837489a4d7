using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>
/// The masks of one thread's dropout: a number that is 0 with a probability, else what keeps the mean. On the CPU the bits are a
/// hash of a key and a counter, eight at once, since libtorch's generator draws them one by one; on a GPU they are libtorch's.
/// </summary>
/// <param name="dropout">The probability.</param>
/// <param name="device">Where the masks are.</param>
internal sealed class DropoutMasks(double dropout, Device device)
{
    private readonly float _kept = (float)(1 / (1 - dropout));
    private readonly uint _dropped = (uint)(dropout * uint.MaxValue);
    private uint _key;
    private uint _counter;

    /// <summary>Starts the sequence of masks that <paramref name="seed"/> names.</summary>
    public void Seed(ulong seed)
    {
        if (device.type == DeviceType.CUDA) cuda.manual_seed((long)seed);
        ulong mixed = CounterRandom.Mix(seed);
        (_key, _counter) = ((uint)mixed, (uint)(mixed >> 32));
    }

    /// <summary>The next mask, of shape <paramref name="shape"/>.</summary>
    public Tensor Next(long[] shape)
    {
        Tensor mask = empty(shape, ScalarType.Float32, device);
        if (device.type == DeviceType.CUDA)
        {
            using Scalar kept = _kept;
            return mask.bernoulli_(1 - dropout).mul_(kept);
        }

        Fill(MemoryMarshal.Cast<byte, float>(mask.bytes));
        return mask;
    }

    private void Fill(Span<float> mask)
    {
        Vector256<uint> counters = Vector256.Create(_counter) + Vector256<uint>.Indices, step = Vector256.Create(8u), key = Vector256.Create(_key), limit = Vector256.Create(_dropped);
        Vector256<float> kept = Vector256.Create(_kept);
        Span<Vector256<float>> vectors = MemoryMarshal.Cast<float, Vector256<float>>(mask);
        for (int i = 0; i < vectors.Length; i++, counters += step)
            vectors[i] = Kept();
        Vector256<float> last = Kept();
        for (int i = vectors.Length * 8; i < mask.Length; i++) mask[i] = last[i % 8];
        _counter += (uint)mask.Length + 8;

        Vector256<float> Kept() => Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(Hash(counters, key), limit).AsSingle(), kept, Vector256<float>.Zero);
    }

    /// <summary>lowbias32 (Wellons, "Prospecting for Hash Functions", 2018), with the key between its rounds.</summary>
    private static Vector256<uint> Hash(Vector256<uint> x, Vector256<uint> key)
    {
        x ^= x >>> 16;
        x *= Vector256.Create(0x7feb352du);
        x ^= (x >>> 15) ^ key;
        x *= Vector256.Create(0x846ca68bu);
        return x ^ (x >>> 16);
    }
}
