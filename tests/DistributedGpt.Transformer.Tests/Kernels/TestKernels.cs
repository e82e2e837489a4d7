namespace DistributedGpt.Transformer.Tests;

/// <summary>What the tests of kernels share.</summary>
internal static unsafe class TestKernels
{
    /// <summary>Every vector width; those that the machine lacks are emulated by the runtime.</summary>
    public static KernelSet[] All { get; } = [KernelSet.Plain, KernelSet.Wide256, KernelSet.Wide512];

    /// <summary>Random numbers between -scale and scale in native memory.</summary>
    public static NativeBuffer Random(Random random, long count, float scale = 1)
    {
        var buffer = new NativeBuffer(count * sizeof(float));
        for (long i = 0; i < count; i++) buffer.Floats[i] = (random.NextSingle() * 2 - 1) * scale;
        return buffer;
    }

    /// <summary>A copy as an array.</summary>
    public static float[] ToArray(NativeBuffer buffer, int count) => new ReadOnlySpan<float>(buffer.Floats, count).ToArray();
}
