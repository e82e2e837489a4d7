using System.CommandLine;
using System.Text.RegularExpressions;
using DistributedGpt.Engine;
using DistributedGpt.Models;

namespace DistributedGpt.Cli;

/// <summary>Options that several commands have, each command its own.</summary>
internal static partial class SharedOptions
{
    /// <summary>The option that names the file with values of the others. A command that has it takes all of its options from the environment too.</summary>
    public static SettingsFileOption Config() => new("--config")
    {
        HelpName = "FILE",
        Description = "A JSON file with values of these options, such as {\"log-level\": \"warning\"}. DGPT_LOG_LEVEL and the like in the environment go before it, and the command line before both.",
    };

    /// <summary>The option that names what computes.</summary>
    public static Option<string?> Device() => new("--device")
    {
        Description = "What computes: cpu or cuda[:INDEX]. Default: cpu.",
        HelpName = "DEVICE",
        CustomParser = result => DevicePattern().IsMatch(Values.Text(result)) ? Values.Text(result) : Values.Wrong<string>(result, "cpu or cuda[:INDEX]"),
    };

    /// <summary>The option that says how many threads compute.</summary>
    public static Option<int?> Threads() => new("--threads")
    {
        Description = "Threads that compute on the CPU. Default: one per core.", HelpName = "N", CustomParser = Values.IntegerIn(1, 1024),
    };

    /// <summary>The option that says what type weights have in memory.</summary>
    public static Option<TensorType?> WeightType() => Type("--dtype", "The type of the weights in memory, f32 or bf16. Default: as stored.");

    /// <summary>The option that says what type keys and values have.</summary>
    public static Option<TensorType?> KvType() => Type("--kv-dtype", "The type of the KV cache, f32 or bf16, which halves it. Default: f32.");

    /// <summary>The option that says how many tokens the KV cache holds.</summary>
    public static Option<int?> KvTokens() => new("--kv-tokens")
    {
        Description = "Tokens that the KV cache holds, of all requests together. Default: one full context and 8,192, or what memory allows, at least 1,024.",
        HelpName = "N",
        CustomParser = Values.IntegerIn(1, int.MaxValue),
    };

    /// <summary>The option that says how many replicas there are; 0 stands for as many as are fastest.</summary>
    public static Option<int?> Replicas() => new("--replicas")
    {
        Description = "Replicas of the model, or auto: as many as are fastest. Default: 1.",
        HelpName = "N",
        CustomParser = result => Values.Text(result) == "auto" ? 0 : Values.IntegerIn(1, ClusterPlanner.FullLoad)(result),
    };

    /// <summary>The replicas that <see cref="Replicas"/> asks for; null: as many as are fastest.</summary>
    public static int? ReplicasOf(int? option) => option switch { null => 1, 0 => null, int count => count };

    private static Option<TensorType?> Type(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TYPE",
        CustomParser = result => Values.Text(result) switch
        {
            "f32" => TensorType.Float32,
            "bf16" => TensorType.BFloat16,
            _ => Values.Wrong<TensorType?>(result, "f32 or bf16"),
        },
    };

    [GeneratedRegex(@"^(cpu|cuda(:\d{1,3})?)$")]
    private static partial Regex DevicePattern();
}
