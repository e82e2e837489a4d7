using System.CommandLine;
using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Cluster;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt silo</c>: a process that holds layers and computes, as a member of a cluster.</summary>
internal static class SiloCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        Option<ClusterAddress> cluster = SharedOptions.Cluster();
        var name = new Option<string>("--name")
        {
            HelpName = "NAME", Description = "Its name, unique in the cluster; under it, it gets its layers back after a restart. Default: the host's name.",
        };
        var address = new Option<string>("--address")
        {
            HelpName = "ADDRESS",
            Description = "Where other members reach it, unencrypted: name an address of a network that you trust. " +
                $"{Values.OwnAddress} takes this machine's own on the way to Redis. Default: 127.0.0.1.",
            CustomParser = Values.AddressOrOwn,
        };
        var listen = new Option<IPAddress>("--listen")
        {
            HelpName = "ADDRESS",
            Description = "Where it listens, if something between leads there from the address under which others reach it, on the same ports. Default: that address.",
            CustomParser = Values.Address,
        };
        var port = new Option<int?>("--silo-port") { HelpName = "N", Description = "The port for other silos. Default: any free one.", CustomParser = Values.IntegerIn(0, 65535) };
        var gatewayPort = new Option<int?>("--client-port") { HelpName = "N", Description = "The port for gateways and clients. Default: any free one.", CustomParser = Values.IntegerIn(0, 65535) };
        var healthPort = new Option<int?>("--health-port") { HelpName = "N", Description = "The port of /health/live and /health/ready. Default: none.", CustomParser = Values.IntegerIn(0, 65535) };
        var memory = new Option<long?>("--memory")
        {
            HelpName = "SIZE", Description = "What weights and caches may occupy, such as 8GiB. Default: nine tenths of what the process may use.", CustomParser = Values.Size,
        };
        Option<string?> device = SharedOptions.Device();
        Option<int?> threads = SharedOptions.Threads();
        Option<TensorType?> weightType = SharedOptions.WeightType();
        var times = new Option<StepTimes>("--layer-ms")
        {
            HelpName = "TOKENS:MS,...", Description = "How long it takes for a layer of 12.6 M weights by the tokens in a step, to be planned by it beside others. Default: measured at the start.", CustomParser = Values.StepTimes,
        };
        var command = new Command("silo", "Hold layers and compute, as a member of a cluster.")
        {
            cluster, name, address, listen, port, gatewayPort, healthPort, memory, device, threads, weightType, times,
        };
        command.Add(BuildDrain(logLevel));
        command.SetAction(result => RunAsync(
            new ClusterSiloOptions
            {
                Cluster = result.GetRequiredValue(cluster),
                Name = result.GetValue(name) ?? Environment.MachineName,
                ListenAddress = result.GetValue(listen),
                Port = result.GetValue(port) ?? 0,
                GatewayPort = result.GetValue(gatewayPort) ?? 0,
                Memory = result.GetValue(memory),
                Device = result.GetValue(device) ?? "cpu",
                Threads = result.GetValue(threads),
                WeightType = result.GetValue(weightType),
                SampleTimes = result.GetValue(times),
                LogLevel = result.GetValue(logLevel),
            },
            result.GetValue(address),
            result.GetValue(healthPort)));
        return command;
    }

    private static Command BuildDrain(Option<LogLevel?> logLevel)
    {
        var name = new Argument<string>("NAME") { Description = "The silo." };
        Option<ClusterAddress> cluster = SharedOptions.Cluster();
        var command = new Command("drain", "Move all layers off a silo, so that it can be stopped.") { name, cluster };
        command.SetAction(result => Connected.RunAsync(result.GetRequiredValue(cluster), result.GetValue(logLevel), async (connection, cancellation) =>
        {
            await connection.Administration.DrainSiloAsync(result.GetRequiredValue(name), cancellation);
            Console.WriteLine($"{result.GetValue(name)} is drained");
        }));
        return command;
    }

    private static Task<int> RunAsync(ClusterSiloOptions options, string? address, int? healthPort) => TerminationSignals.RunAsync(async signals =>
    {
        if (address == Values.OwnAddress) options = options with { Address = await options.Cluster.FindOwnAddressAsync(signals.Requested) };
        else if (address is not null) options = options with { Address = IPAddress.Parse(address) };
        using IDisposable? telemetry = TelemetryExport.Start("dgpt-silo", options.Name);
        await using ClusterSilo silo = await ClusterSilo.StartAsync(options, signals.Requested);
        await using SiloHealthServer? health = healthPort is { } port ? await SiloHealthServer.StartAsync(silo, options.ListenAddress ?? options.Address, port) : null;
        Console.Error.WriteLine($"silo {options.Name} in cluster {options.Cluster} at {silo.Address.Endpoint}, {Report.Bytes(silo.MemoryLimit)} on {options.Device}; Ctrl-C ends");
        await signals.WaitAsync();
    });
}
