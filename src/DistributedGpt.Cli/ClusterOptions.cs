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

    private readonly Option<string?> _device = SharedOptions.Device();

    private readonly Option<int?> _threads = SharedOptions.Threads();

    private readonly Option<TensorType?> _weightType = SharedOptions.WeightType();

    private readonly Option<TensorType?> _kvType = SharedOptions.KvType();

    private readonly Option<int?> _kvTokens = SharedOptions.KvTokens();

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_silos);
        command.Add(_device);
        command.Add(_threads);
        command.Add(_weightType);
        command.Add(_kvType);
        command.Add(_kvTokens);
    }

    /// <summary>Reads them.</summary>
    public EmbeddedClusterOptions Read(ParseResult result, LogLevel? logLevel) => new()
    {
        ModelPath = result.GetValue(_model) ?? BundledModel.Find(),
        Silos = result.GetValue(_silos) ?? 1,
        Device = result.GetValue(_device) ?? "cpu",
        Threads = result.GetValue(_threads),
        WeightType = result.GetValue(_weightType),
        KvTokens = result.GetValue(_kvTokens),
        KvType = result.GetValue(_kvType) ?? TensorType.Float32,
        LogLevel = logLevel,
    };
}
