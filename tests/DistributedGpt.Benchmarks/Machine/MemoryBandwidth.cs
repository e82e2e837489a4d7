using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace DistributedGpt.Benchmarks;

/// <summary>What the memory can read: the best of five sums over 1 GB, at the best number of threads.</summary>
internal static unsafe class MemoryBandwidth
{
    private const long Bytes = 1 << 30;

    /// <summary>Bytes per second.</summary>
    public static (double BytesPerSecond, int Threads) Measure()
    {
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, 64);
        NativeMemory.Fill(memory, (nuint)Bytes, 1);
        (double Best, int Threads) best = default;
        for (int threads = 1; threads <= Environment.ProcessorCount; threads *= 2)
        {
            for (int run = 0; run < 5; run++)
            {
                long begin = Stopwatch.GetTimestamp();
                OnThreads(threads, thread => Sum(memory + Bytes / threads * thread, Bytes / threads));
                double speed = Bytes / Stopwatch.GetElapsedTime(begin).TotalSeconds;
                if (speed > best.Best) best = (speed, threads);
            }
        }

        NativeMemory.AlignedFree(memory);
        return best;
    }

    /// <summary>Runs <paramref name="body"/> on threads 0 to <paramref name="threads"/> - 1 at once.</summary>
    public static void OnThreads(int threads, Func<int, long> body)
    {
        long sum = 0;
        Thread[] others = [.. Enumerable.Range(1, threads - 1).Select(thread => new Thread(() => Interlocked.Add(ref sum, body(thread))))];
        foreach (Thread other in others) other.Start();
        Interlocked.Add(ref sum, body(0));
        foreach (Thread other in others) other.Join();
        GC.KeepAlive(sum);
    }

    private static long Sum(byte* memory, long bytes)
    {
        Vector256<long> a = default, b = default, c = default, d = default;
        for (byte* end = memory + bytes; memory < end; memory += 128)
        {
            a += Vector256.Load((long*)memory);
            b += Vector256.Load((long*)memory + 4);
            c += Vector256.Load((long*)memory + 8);
            d += Vector256.Load((long*)memory + 12);
        }

        return Vector256.Sum(a + b + c + d);
    }
}
