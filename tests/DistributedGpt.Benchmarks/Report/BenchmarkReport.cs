using System.Text.Json;
using System.Text.Json.Serialization;
using DistributedGpt.Cluster;
using DistributedGpt.Models;
using DistributedGpt.Transformer;

namespace DistributedGpt.Benchmarks;

/// <summary>What a benchmark found; every figure is the median over its rounds.</summary>
internal sealed partial record BenchmarkReport
{
    /// <summary>The model or shape.</summary>
    public required string Model { get; init; }

    /// <summary>The type of the weights in memory.</summary>
    public required TensorType WeightType { get; init; }

    /// <summary>Where the kernels run.</summary>
    public required string Device { get; init; }

    /// <summary>Threads of the worker team, and of the peak.</summary>
    public required int Threads { get; init; }

    /// <summary>Silos over which the layers are spread.</summary>
    public required int Silos { get; init; }

    /// <summary>Rounds.</summary>
    public required int Rounds { get; init; }

    /// <summary>Bytes per second that the memory can read.</summary>
    public required double MemoryRead { get; init; }

    /// <summary>Float32 operations per second, a multiply-add counted as two.</summary>
    public required double FloatPeak { get; init; }

    /// <summary>Prefill and decode, by the number of requests.</summary>
    public required IReadOnlyList<SpeedRow> Speeds { get; init; }

    /// <summary>The medians of <paramref name="rounds"/>.</summary>
    public static BenchmarkReport Of(string model, ModelConfig config, EmbeddedClusterOptions options, IReadOnlyList<BenchmarkRound> rounds)
    {
        TensorType type = options.WeightType ?? (config.WeightType == TensorType.BFloat16 ? TensorType.BFloat16 : TensorType.Float32);
        var counts = new ParameterCounts(config);
        double flopsPerToken = 2.0 * (counts.Attention + counts.Mlp);
        double bytesPerStep = counts.MatrixMultiplyAddsPerToken * (type == TensorType.Float32 ? 4.0 : 2.0);
        return new BenchmarkReport
        {
            Model = model,
            WeightType = type,
            Device = options.Device == "cpu" ? $"cpu ({KernelSet.Best.Name})" : options.Device,
            Threads = options.Threads!.Value,
            Silos = options.Silos,
            Rounds = rounds.Count,
            MemoryRead = Middle(round => round.Machine.MemoryRead),
            FloatPeak = Middle(round => round.Machine.FloatPeak),
            Speeds = [.. rounds[0].Speeds.Keys.SelectMany(requests => new[]
            {
                Row("prefill", requests, speed => speed.Prefill, round => flopsPerToken / round.Machine.FloatPeak),
                Row("decode", requests, speed => speed.Decode, round => bytesPerStep / requests / round.Machine.MemoryRead),
            })],
        };

        double Middle(Func<BenchmarkRound, double> figure) => Median.Of(rounds.Select(figure));

        SpeedRow Row(string phase, int requests, Func<LoopSpeed, double> speed, Func<BenchmarkRound, double> machineSecondsPerToken)
        {
            double Plain(BenchmarkRound round) => speed(round.Speeds[requests].Plain);
            double Served(BenchmarkRound round) => speed(round.Speeds[requests].Cluster);
            return new SpeedRow(
                phase, requests, Middle(Plain), Middle(round => Plain(round) * machineSecondsPerToken(round)), Middle(Served),
                Middle(round => Plain(round) / Served(round) - 1));
        }
    }

    /// <summary>The report as one JSON object.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Serializer.Default.BenchmarkReport);

    [JsonSourceGenerationOptions(
        WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
    [JsonSerializable(typeof(BenchmarkReport))]
    private sealed partial class Serializer : JsonSerializerContext;
}
