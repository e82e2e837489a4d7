using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace DistributedGpt.Cli;

/// <summary>
/// How fast this machine reads memory, which bounds the decoding of one request: every weight is read once for each token. The best
/// of five sums over a buffer that no cache holds, with the number of threads that is best.
/// </summary>
internal static unsafe class MemoryBandwidth
{
    private const int Repetitions = 5;

    /// <summary>Measures it.</summary>
    /// <param name="bytes">The size of the buffer.</param>
    /// <returns>Bytes per second, and with how many threads.</returns>
    public static (double BytesPerSecond, int Threads) Measure(long bytes)
    {
        nuint size = (nuint)bytes;
        byte* buffer = (byte*)NativeMemory.AlignedAlloc(size, 64);
        try
        {
            // Written once, so that every page is there.
            for (nuint done = 0; done < size; done += 1 << 20) NativeMemory.Fill(buffer + done, Math.Min(size - done, 1 << 20), 1);
            (double Speed, int Threads) best = default;
            for (int threads = 1; threads <= Environment.ProcessorCount; threads = Math.Max(threads + 1, Math.Min(threads * 2, Environment.ProcessorCount)))
            {
                double speed = MeasureWith(threads, buffer, size);
                if (speed > best.Speed) best = (speed, threads);
            }

            return best;
        }
        finally
        {
            NativeMemory.AlignedFree(buffer);
        }
    }

    private static double MeasureWith(int threads, byte* buffer, nuint size)
    {
        nuint part = size / (nuint)threads & ~(nuint)1023;
        double best = 0;
        for (int i = 0; i < Repetitions; i++)
        {
            long started = Stopwatch.GetTimestamp();
            Thread[] workers = [.. Enumerable.Range(1, threads - 1).Select(worker => new Thread(() => Sum(buffer + (nuint)worker * part, part)))];
            foreach (Thread worker in workers) worker.Start();
            Sum(buffer, part);
            foreach (Thread worker in workers) worker.Join();
            best = Math.Max(best, part * (nuint)threads / Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return best;
    }

    /// <summary>Eight sums at a time, so that it is the memory that is waited for.</summary>
    private static long Sum(byte* buffer, nuint size)
    {
        int step = Vector<long>.Count * sizeof(long);
        Vector<long> a = default, b = default, c = default, d = default, e = default, f = default, g = default, h = default;
        for (byte* p = buffer, end = buffer + size; p < end; p += 8 * step)
        {
            a += Vector.Load((long*)p);
            b += Vector.Load((long*)(p + step));
            c += Vector.Load((long*)(p + 2 * step));
            d += Vector.Load((long*)(p + 3 * step));
            e += Vector.Load((long*)(p + 4 * step));
            f += Vector.Load((long*)(p + 5 * step));
            g += Vector.Load((long*)(p + 6 * step));
            h += Vector.Load((long*)(p + 7 * step));
        }

        return Vector.Sum(a + b + c + d + (e + f + g + h));
    }
}
