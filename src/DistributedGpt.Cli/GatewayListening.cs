using System.CommandLine;
using System.Net;
using DistributedGpt.Client;
using DistributedGpt.Gateway;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary>The options of commands that serve HTTP and gRPC, and the serving.</summary>
internal sealed class GatewayListening
{
    private readonly Option<IPAddress> _host = new("--host")
    {
        HelpName = "ADDRESS",
        Description = "The address to listen at. Default: 127.0.0.1, so that only this machine can connect.",
        CustomParser = Values.Address,
    };

    private readonly Option<int?> _port = new("--port")
    {
        HelpName = "N", Description = "The port of the HTTP interface; 0 takes any free one. Default: 8080.", CustomParser = Values.IntegerIn(0, 65535),
    };

    private readonly Option<int?> _grpcPort = new("--grpc-port")
    {
        HelpName = "N", Description = "The port of the gRPC interface. Default: none.", CustomParser = Values.IntegerIn(0, 65535),
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_host);
        command.Add(_port);
        command.Add(_grpcPort);
    }

    /// <summary>Reads them. A taken port is found before anything is started.</summary>
    /// <exception cref="InputException">A port is taken.</exception>
    public GatewayOptions Read(ParseResult result, LogLevel? logLevel)
    {
        var options = new GatewayOptions
        {
            Address = result.GetValue(_host) ?? IPAddress.Loopback,
            Port = result.GetValue(_port) ?? 8080,
            GrpcPort = result.GetValue(_grpcPort),
            LogLevel = logLevel,
        };
        CheckPort(_port.Name, options.Address, options.Port);
        if (options.GrpcPort is { } grpcPort) CheckPort(_grpcPort.Name, options.Address, grpcPort);
        return options;
    }

    /// <summary>Serves until a signal comes, then lets the running requests end.</summary>
    public static async Task ServeAsync(IInferenceClient client, GatewayOptions options, string what, TerminationSignals signals)
    {
        await using GatewayServer server = await GatewayServer.StartAsync(client, options, signals.Requested);
        Console.Error.WriteLine($"serving {what} at {server.Address}v1" + (server.GrpcAddress is { } grpc ? $", gRPC at {grpc}" : "") + "; Ctrl-C ends");
        await signals.WaitAsync();
        if (server.RunningRequests is > 0 and var running) Console.Error.WriteLine($"finishing {running} running request{(running == 1 ? "" : "s")}; Ctrl-C again ends at once");
        await server.DrainAsync(CancellationToken.None);
    }

    private static void CheckPort(string option, IPAddress address, int port)
    {
        if (port != 0 && !Ports.IsFree(address, port)) throw new InputException($"{option}: {address} has no free port {port}: something listens there, or it takes more rights");
    }
}
