using System.Diagnostics;
using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>
/// Decode and prefill of a synthetic model on the CPU backend alone, beside what this machine's memory and multiply-add units can do,
/// all in one run: quote the ratios.
/// </summary>
internal static class KernelBenchmark
{
    private const int Context = 128;

    /// <summary>Runs with command line options; returns the exit code.</summary>
    public static int Run(string[] args)
    {
        string shape = Option(args, "--shape", "llama-1.1b");
        int threads = int.Parse(Option(args, "--threads", Environment.ProcessorCount.ToString()));
        ModelConfig config = SyntheticShape.Named(shape);
        TensorType type = Option(args, "--dtype", config.WeightType == TensorType.BFloat16 ? "bf16" : "f32") == "bf16" ? TensorType.BFloat16 : TensorType.Float32;
        config = config with { WeightType = type };

        long begin = Stopwatch.GetTimestamp();
        using var model = new BareModel(config, threads);
        Console.WriteLine($"{shape} {type}, {threads} threads, loaded in {Stopwatch.GetElapsedTime(begin).TotalSeconds:F1} s, {model.WeightBytes / 1e9:F2} GB");

        (double bandwidth, int readers) = MemoryBandwidth.Measure();
        double peak = FloatPeak.Measure(threads);
        Console.WriteLine($"memory read {bandwidth / 1e9:F1} GB/s ({readers} threads), float32 peak {peak / 1e9:F0} GFLOP/s ({threads} threads)");

        double prefill = Best(5, () => model.Prefill(Context));
        double flops = 2.0 * model.LayerParameters * Context;
        Console.WriteLine(
            $"prefill {Context}: {prefill * 1e3:F1} ms, {Context / prefill:F0} tok/s, {flops / prefill / 1e9:F0} GFLOP/s, {flops / prefill / peak:P0} of peak");

        foreach (int batch in (int[])[1, 2, 4, 8, 32])
        {
            model.Prefill(Context, batch);
            double step = Best(batch == 1 ? 20 : 5, () => model.Decode(Context, batch));
            Console.WriteLine(
                $"decode {batch} at context {Context}: {step * 1e3:F1} ms, {batch / step:F1} tok/s, {model.StepBytes / step / 1e9:F1} GB/s, {model.StepBytes / step / bandwidth:P0} of the memory");
        }

        (bandwidth, readers) = MemoryBandwidth.Measure();
        Console.WriteLine($"memory read again {bandwidth / 1e9:F1} GB/s ({readers} threads), float32 peak {FloatPeak.Measure(threads) / 1e9:F0} GFLOP/s");
        return 0;
    }

    private static double Best(int runs, Action action)
    {
        action();
        double best = double.MaxValue;
        for (int run = 0; run < runs; run++)
        {
            long begin = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }

        return best;
    }

    private static string Option(string[] args, string name, string otherwise)
    {
        int at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : otherwise;
    }
}
