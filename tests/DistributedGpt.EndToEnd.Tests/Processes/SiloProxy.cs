using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>
/// Stands at the address under which others know a silo, passes on what they and the silo say to each other, and does to it what
/// networks do.
/// </summary>
internal sealed class SiloProxy : IAsyncDisposable
{
    private readonly IPAddress _behind;
    private readonly List<TcpListener> _listeners = [];
    private readonly List<Task> _accepting = [];
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Begins to listen for a silo that is to listen at <paramref name="behind"/>.</summary>
    public SiloProxy(IPAddress at, IPAddress behind)
    {
        _behind = behind;
        Arguments = ["--address", $"{at}", "--listen", $"{behind}", "--silo-port", $"{Listen(at)}", "--client-port", $"{Listen(at)}"];
    }

    /// <summary>The silo's arguments.</summary>
    public IEnumerable<string> Arguments { get; }

    /// <summary>How long the next piece is on its way. A piece never overtakes another.</summary>
    public Func<TimeSpan> Delay { get; set; } = static () => TimeSpan.Zero;

    /// <summary>Changes a message on its way.</summary>
    public Action<byte[]>? Damage { get; set; }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        foreach (TcpListener listener in _listeners) listener.Stop();
        await Task.WhenAll(_accepting);
    }

    private int Listen(IPAddress at)
    {
        var listener = new TcpListener(at, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        _listeners.Add(listener);
        _accepting.Add(AcceptAsync(listener, new IPEndPoint(_behind, port)));
        return port;
    }

    private async Task AcceptAsync(TcpListener listener, IPEndPoint silo)
    {
        List<Task> connections = [];
        try
        {
            while (true) connections.Add(ConnectAsync(await listener.AcceptTcpClientAsync(_stopping.Token), silo));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ConnectAsync(TcpClient client, IPEndPoint silo)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(silo, _stopping.Token);
                client.NoDelay = server.NoDelay = true;

                // Where one direction ends, the connection does.
                await await Task.WhenAny(PassAsync(client, server), PassAsync(server, client));
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
            }
        }
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        var underWay = Channel.CreateUnbounded<(byte[] Piece, long Due)>();
        Task arriving = ArriveAsync(underWay.Reader, to.GetStream());

        // Orleans begins with a preamble behind its length; every message comes behind the lengths of its head and its body.
        for (int lengths = 1; await ReadAsync(from.GetStream(), lengths) is { Length: > 0 } piece && !arriving.IsCompleted; lengths = 2)
        {
            if (lengths == 2) Damage?.Invoke(piece);
            underWay.Writer.TryWrite((piece, Environment.TickCount64 + (long)Delay().TotalMilliseconds));
        }

        underWay.Writer.Complete();
        await arriving;
    }

    private async Task ArriveAsync(ChannelReader<(byte[] Piece, long Due)> underWay, NetworkStream to)
    {
        await foreach ((byte[] piece, long due) in underWay.ReadAllAsync(_stopping.Token))
        {
            if (due - Environment.TickCount64 is > 0 and var rest) await Task.Delay(TimeSpan.FromMilliseconds(rest), _stopping.Token);
            await to.WriteAsync(piece, _stopping.Token);
        }
    }

    private async Task<byte[]> ReadAsync(NetworkStream from, int lengths)
    {
        byte[] prefix = new byte[lengths * sizeof(int)];
        if (await from.ReadAtLeastAsync(prefix, prefix.Length, throwOnEndOfStream: false, _stopping.Token) < prefix.Length) return [];
        int length = MemoryMarshal.Cast<byte, int>(prefix).ToArray().Sum();
        byte[] piece = new byte[prefix.Length + length];
        prefix.CopyTo(piece, 0);
        await from.ReadExactlyAsync(piece.AsMemory(prefix.Length), _stopping.Token);
        return piece;
    }
}
