using static TorchSharp.torch;

namespace DistributedGpt.Transformer;

/// <summary>What tensors take on their device.</summary>
internal static class TorchBytes
{
    /// <summary>The bytes of all <paramref name="tensors"/> that exist.</summary>
    public static long Of(params ReadOnlySpan<Tensor?> tensors)
    {
        long bytes = 0;
        foreach (Tensor? tensor in tensors) bytes += tensor is null ? 0 : tensor.numel() * tensor.element_size();
        return bytes;
    }
}
