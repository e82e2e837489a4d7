using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DistributedGpt.Transformer;

/// <summary>The kernels at one vector width. All sets give the same bits; <see cref="Best"/> is the fastest on this machine.</summary>
internal abstract class KernelSet
{
    /// <summary>AVX-512.</summary>
    public static readonly KernelSet Wide512 = new KernelSet<Simd512, Vector512<float>>("Vector512");

    /// <summary>AVX2 with FMA.</summary>
    public static readonly KernelSet Wide256 = new KernelSet<Simd256, Vector256<float>>("Vector256");

    /// <summary>Plain code.</summary>
    public static readonly KernelSet Plain = new KernelSet<SimdPlain, float>("plain");

    /// <summary>The fastest set on this machine.</summary>
    public static KernelSet Best { get; } =
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? Wide512
        : Avx2.IsSupported && Fma.IsSupported ? Wide256
        : Plain;

    /// <summary>The vector width, for people.</summary>
    public abstract string Name { get; }

    /// <summary>Rows of a weight's panels.</summary>
    public abstract int PanelRows { get; }

    /// <summary>y = epilogue(x W^T + bias).</summary>
    public abstract void Linear(WorkerTeam team, in LinearOperation operation, bool bFloat16);

    /// <summary>y = norm(x).</summary>
    public abstract void Norm(WorkerTeam team, in NormOperation operation);

    /// <summary>Norms and rotates queries and keys, writes keys and values to the cache.</summary>
    public abstract void WriteCache(WorkerTeam team, in CacheWriteOperation operation, bool bFloat16);

    /// <summary>Causal attention over the cache.</summary>
    public abstract void Attend(WorkerTeam team, in AttentionOperation operation, bool bFloat16);
}
