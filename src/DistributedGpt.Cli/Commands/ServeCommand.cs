using System.CommandLine;
using System.Net;
using DistributedGpt.Cluster;
using DistributedGpt.Gateway;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt serve</c>: a cluster in this process behind an OpenAI-compatible HTTP interface, and gRPC where asked for.</summary>
internal static class ServeCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Option<LogLevel?> logLevel)
    {
        var name = new Option<string>("--name") { HelpName = "NAME", Description = "The name of the model in requests. Default: that of its folder." };
        var host = new Option<IPAddress>("--host")
        {
            HelpName = "ADDRESS", Description = "The address to listen at. Default: 127.0.0.1, so that only this machine can connect.",
            CustomParser = result => IPAddress.TryParse(Values.Text(result), out IPAddress? address) ? address : Values.Wrong<IPAddress>(result, "an IP address"),
        };
        var port = new Option<int?>("--port") { HelpName = "N", Description = "The port of the HTTP interface; 0 takes any free one. Default: 8080.", CustomParser = Values.IntegerIn(0, 65535) };
        var grpcPort = new Option<int?>("--grpc-port") { HelpName = "N", Description = "The port of the gRPC interface. Default: none.", CustomParser = Values.IntegerIn(0, 65535) };
        var cluster = new ClusterOptions();
        var command = new Command("serve", "Serve a model over HTTP (OpenAI's API) and gRPC.") { name, host, port, grpcPort };
        cluster.AddTo(command);
        command.SetAction(result => RunAsync(
            cluster.Read(result, result.GetValue(logLevel)) with { ModelName = result.GetValue(name) },
            new GatewayOptions
            {
                Address = result.GetValue(host) ?? IPAddress.Loopback,
                Port = result.GetValue(port) ?? 8080,
                GrpcPort = result.GetValue(grpcPort),
                LogLevel = result.GetValue(logLevel),
            }));
        return command;
    }

    private static async Task<int> RunAsync(EmbeddedClusterOptions clusterOptions, GatewayOptions options)
    {
        using var signals = new TerminationSignals();
        CheckPort("--port", options.Address, options.Port);
        if (options.GrpcPort is { } grpcPort) CheckPort("--grpc-port", options.Address, grpcPort);
        try
        {
            await using EmbeddedCluster cluster = await EmbeddedClusterStart.RunAsync(clusterOptions, signals.Requested);
            await using GatewayServer server = await GatewayServer.StartAsync(cluster.Client, options, signals.Requested);
            string model = (await cluster.Client.ListModelsAsync(signals.Requested)).Single().Name;
            Console.Error.WriteLine($"serving {model} at {server.Address}v1" + (server.GrpcAddress is { } grpc ? $", gRPC at {grpc}" : "") + "; Ctrl-C ends");
            await WaitAsync(signals.Requested);
            if (server.RunningRequests > 0) Console.Error.WriteLine($"finishing {server.RunningRequests} running requests; Ctrl-C again ends at once");
            await server.DrainAsync(CancellationToken.None);
            return 0;
        }
        catch (OperationCanceledException) when (signals.Requested.IsCancellationRequested)
        {
            return signals.ExitCode;
        }
    }

    /// <summary>A taken port is found before the model is loaded.</summary>
    private static void CheckPort(string option, IPAddress address, int port)
    {
        if (port != 0 && !Ports.IsFree(address, port)) throw new InputException($"{option}: {address} has no free port {port}: something listens there, or it takes more rights");
    }

    private static async Task WaitAsync(CancellationToken cancellationToken)
    {
        var ended = new TaskCompletionSource();
        await using CancellationTokenRegistration registration = cancellationToken.Register(ended.SetResult);
        await ended.Task;
    }
}
