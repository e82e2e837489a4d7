using DistributedGpt.Cli;
using Spectre.Console;

namespace DistributedGpt.Benchmarks;

/// <summary>The report for people.</summary>
internal static class BenchmarkTable
{
    /// <summary>Writes it to standard output.</summary>
    public static void Write(BenchmarkReport report)
    {
        IAnsiConsole console = Report.CreateConsole();
        Table table = Report.CreateTable(
            $"{report.Model}, {report.WeightType}, {report.Device}, {report.Threads} threads, silos: {report.Silos}; medians of {report.Rounds} rounds",
            "tokens per second", "plain loop", "of the machine", "cluster", "cluster adds");
        foreach (SpeedRow row in report.Speeds)
        {
            table.AddRow(
                $"{row.Phase}, {(row.Requests == 1 ? "1 request" : $"{row.Requests} at once")}",
                $"{row.PlainTokensPerSecond:F1}",
                $"{row.OfMachine:P0} of {(row.Phase == "decode" ? "memory" : "peak")}",
                $"{row.ClusterTokensPerSecond:F1}",
                $"{row.Added:P1}");
        }

        console.Write(table);
        console.WriteLine($"memory reads {report.MemoryRead / 1e9:F1} GB/s; float32 multiply-adds peak at {report.FloatPeak / 1e9:F0} GFLOP/s");
    }
}
