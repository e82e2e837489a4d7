using System.CommandLine;
using System.Net;
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
        var access = new ClusterAccessOptions();
        var name = new Option<string>("--name")
        {
            HelpName = "NAME", Description = "Its name, unique in the cluster; under it, it gets its layers back after a restart. Default: the host's name.",
        };
        var address = new Option<string>("--address")
        {
            HelpName = "ADDRESS",
            Description = $"Where other members reach it; {Values.OwnAddress} takes this machine's own on the way to Redis. Without TLS it takes --unencrypted besides. Default: 127.0.0.1.",
            CustomParser = Values.AddressOrOwn,
        };
        var listen = new Option<IPAddress>("--listen")
        {
            HelpName = "ADDRESS",
            Description = "Where it listens, if something between leads there from the address under which others reach it, on the same ports. Default: that address.",
            CustomParser = Values.Address,
        };
        var unencrypted = new Option<bool>("--unencrypted") { Description = "Listen beyond this machine without TLS, in a network that you trust." };
        var port = new Option<int?>("--silo-port") { HelpName = "N", Description = "The port for other silos. Default: any free one.", CustomParser = Values.IntegerIn(0, 65535) };
        var gatewayPort = new Option<int?>("--client-port") { HelpName = "N", Description = "The port for gateways and clients. Default: any free one.", CustomParser = Values.IntegerIn(0, 65535) };
        var healthPort = new Option<int?>("--health-port") { HelpName = "N", Description = "The port of /health/live and /health/ready. Default: none.", CustomParser = Values.IntegerIn(0, 65535) };
        var memory = new Option<long?>("--memory")
        {
            HelpName = "SIZE", Description = "What weights and caches may occupy, such as 8GiB. Default: nine tenths of what the process may use.", CustomParser = Values.Size,
        };
        Option<string?> device = SharedOptions.Device();
        Option<int?> threads = SharedOptions.Threads();
        var cores = new Option<int[]>("--cores")
        {
            HelpName = "LIST", Description = "Cores, such as 0-3,8, to bind the computing threads to, one each. Default threads: as many.", CustomParser = Values.Cores,
        };
        Option<TensorType?> weightType = SharedOptions.WeightType();
        var times = new Option<StepTimes>("--layer-ms")
        {
            HelpName = "TOKENS:MS,...", Description = "How long it takes for a layer of 12.6 M weights by the tokens in a step, to be planned by it beside others. Default: measured at the start.", CustomParser = Values.StepTimes,
        };
        var rebalance = new Option<string>("--rebalance")
        {
            HelpName = "HOW",
            Description = "auto: move layers to silos that join, without a command, where that gains enough; give it to every silo. Default: manual, by dgpt rebalance.",
            CustomParser = result => Values.Text(result) is "auto" or "manual" ? Values.Text(result) : Values.Wrong<string>(result, "auto or manual"),
        };
        var command = new Command("silo", "Hold layers and compute, as a member of a cluster.")
        {
            name, address, listen, unencrypted, port, gatewayPort, healthPort, memory, device, threads, cores, weightType, times, rebalance,
        };
        access.AddTo(command);
        command.Add(SharedOptions.Config());
        command.Add(BuildDrain(logLevel));
        command.SetAction(result =>
        {
            ClusterAccess member = access.Read(result);
            var options = new ClusterSiloOptions
            {
                Cluster = member.Address,
                Credentials = member.Credentials,
                Name = result.GetValue(name) ?? Environment.MachineName,
                ListenAddress = result.GetValue(listen),
                Port = result.GetValue(port) ?? 0,
                GatewayPort = result.GetValue(gatewayPort) ?? 0,
                Memory = result.GetValue(memory),
                Device = result.GetValue(device) ?? "cpu",
                Threads = result.GetValue(threads),
                Cores = result.GetValue(cores) is { Length: > 0 } list ? list : null,
                WeightType = result.GetValue(weightType),
                SampleTimes = result.GetValue(times),
                Rebalances = result.GetValue(rebalance) == "auto",
                LogLevel = result.GetValue(logLevel),
            };
            return RunAsync(options, result.GetValue(address), result.GetValue(unencrypted), result.GetValue(healthPort));
        });
        return command;
    }

    private static Command BuildDrain(Option<LogLevel?> logLevel)
    {
        var name = new Argument<string>("NAME") { Description = "The silo." };
        var access = new ClusterAccessOptions();
        var command = new Command("drain", "Move all layers off a silo, so that it can be stopped.") { name };
        access.AddTo(command);
        command.SetAction(result => Connected.RunAsync(access.Read(result), result.GetValue(logLevel), async (connection, cancellation) =>
        {
            await connection.Administration.DrainSiloAsync(result.GetRequiredValue(name), cancellation);
            Console.WriteLine($"{result.GetValue(name)} is drained");
        }));
        return command;
    }

    private static Task<int> RunAsync(ClusterSiloOptions options, string? address, bool unencrypted, int? healthPort) => TerminationSignals.RunAsync(async signals =>
    {
        if (address == Values.OwnAddress) options = options with { Address = await options.Cluster.FindOwnAddressAsync(signals.Requested) };
        else if (address is not null) options = options with { Address = IPAddress.Parse(address) };
        IPAddress listen = options.ListenAddress ?? options.Address;
        if (options.Credentials is null && !unencrypted && !IPAddress.IsLoopback(listen))
        {
            throw new InputException(
                $"{(options.ListenAddress is null ? "--address" : "--listen")}: other machines reach {listen}, and what is said there would not be encrypted: " +
                "expected --tls-certificate, --tls-key and --tls-ca, or --unencrypted");
        }

        using IDisposable? telemetry = TelemetryExport.Start("dgpt-silo", options.Name);
        await using ClusterSilo silo = await ClusterSilo.StartAsync(options, signals.Requested);
        await using SiloHealthServer? health = healthPort is { } port ? await SiloHealthServer.StartAsync(silo, listen, port) : null;
        string encryption = options.Credentials is not null ? "with TLS" : IPAddress.IsLoopback(listen) ? "unencrypted, for this machine alone" : "unencrypted";
        Console.Error.WriteLine($"silo {options.Name} in cluster {options.Cluster} at {silo.Address.Endpoint} ({encryption}), {Report.Bytes(silo.MemoryLimit)} on {options.Device}; Ctrl-C ends");
        await signals.WaitAsync();
    });
}
