using System.ComponentModel;
using System.Runtime.InteropServices;

namespace DistributedGpt.Transformer;

/// <summary>The cores of this machine, and threads that are bound to one of them. On Linux alone.</summary>
public static unsafe partial class CpuCores
{
    private const int Words = 16;
    private const int BitsPerWord = 64;

    /// <summary>The cores that this thread may run on.</summary>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    public static int[] Allowed()
    {
        RequireLinux();
        ulong* mask = stackalloc ulong[Words];
        Check(GetAffinity(0, Words * sizeof(ulong), mask));
        List<int> cores = [];
        for (int core = 0; core < Words * BitsPerWord; core++)
        {
            if ((mask[core / BitsPerWord] >> (core % BitsPerWord) & 1) != 0) cores.Add(core);
        }

        return [.. cores];
    }

    /// <summary>Has this thread run on that core and no other.</summary>
    /// <exception cref="PlatformNotSupportedException">This is not Linux.</exception>
    /// <exception cref="Win32Exception">There is no such core, or this process may not use it.</exception>
    public static void Bind(int core)
    {
        RequireLinux();
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)core, (uint)(Words * BitsPerWord));
        ulong* mask = stackalloc ulong[Words];
        new Span<ulong>(mask, Words).Clear();
        mask[core / BitsPerWord] = 1UL << (core % BitsPerWord);
        Check(SetAffinity(0, Words * sizeof(ulong), mask));
    }

    private static void RequireLinux()
    {
        if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException("Threads can be bound to cores on Linux alone.");
    }

    private static void Check(int result)
    {
        if (result < 0) throw new Win32Exception();
    }

    [LibraryImport("libc", EntryPoint = "sched_getaffinity", SetLastError = true)]
    private static partial int GetAffinity(int thread, nuint size, ulong* mask);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SetAffinity(int thread, nuint size, ulong* mask);
}
