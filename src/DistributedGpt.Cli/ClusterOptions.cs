using System.CommandLine;
using DistributedGpt.Cluster;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary>The options of every command that starts a cluster in the process.</summary>
internal sealed class ClusterOptions
{
    private readonly Option<string> _model = new("--model")
    {
        Description = "A Hugging Face model folder. Default: the small model that ships with the program.", HelpName = "DIR",
    };

    private readonly Option<int?> _silos = new("--silos")
    {
        Description = "Silos in this process, over which the layers are spread. Default: 1.", HelpName = "N", CustomParser = Values.IntegerIn(1, 64),
    };

    private readonly Option<string?> _device = Values.Device();

    private readonly Option<int?> _threads = new("--threads")
    {
        Description = "Threads that compute on the CPU. Default: one per core.", HelpName = "N", CustomParser = Values.IntegerIn(1, 1024),
    };

    private readonly Option<TensorType?> _weightType = TypeOption("--dtype", "The type of the weights in memory, f32 or bf16. Default: as stored.");

    private readonly Option<TensorType?> _kvType = TypeOption("--kv-dtype", "The type of the KV cache, f32 or bf16, which halves it. Default: f32.");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_silos);
        command.Add(_device);
        command.Add(_threads);
        command.Add(_weightType);
        command.Add(_kvType);
    }

    /// <summary>Reads them.</summary>
    public EmbeddedClusterOptions Read(ParseResult result, LogLevel? logLevel) => new()
    {
        ModelPath = result.GetValue(_model) ?? BundledModel.Find(),
        Silos = result.GetValue(_silos) ?? 1,
        Device = result.GetValue(_device) ?? "cpu",
        Threads = result.GetValue(_threads),
        WeightType = result.GetValue(_weightType),
        KvType = result.GetValue(_kvType) ?? TensorType.Float32,
        LogLevel = logLevel,
    };

    private static Option<TensorType?> TypeOption(string name, string description) => new(name)
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
}
