using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace DistributedGpt.Client;

/// <summary>
/// Where a cluster's members find each other: <c>redis://[user[:password]@]host[:port][/name]</c>, or <c>rediss://</c> for TLS. The
/// name keeps clusters that share one Redis apart.
/// </summary>
public sealed class ClusterAddress
{
    private const int DefaultPort = 6379;
    private const string DefaultName = "dgpt";

    private readonly Uri _uri;

    private ClusterAddress(Uri uri, string name)
    {
        _uri = uri;
        Name = name;
    }

    /// <summary>The cluster's name.</summary>
    public string Name { get; }

    /// <summary>Whether the connection is encrypted.</summary>
    public bool IsEncrypted => _uri.Scheme == "rediss";

    /// <summary>The Redis server.</summary>
    public string Endpoint => $"{_uri.Host}:{Port}";

    private int Port => _uri.Port > 0 ? _uri.Port : DefaultPort;

    /// <summary>Reads an address.</summary>
    /// <exception cref="FormatException">It is none; the message says what was expected.</exception>
    public static ClusterAddress Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0)
            throw new FormatException($"expected redis://[user[:password]@]host[:port][/name] or rediss:// for TLS, found '{text}'");
        if (uri.Query.Length + uri.Fragment.Length > 0) throw new FormatException($"expected nothing behind the cluster's name, found '{uri.Query}{uri.Fragment}'");
        string name = Uri.UnescapeDataString(uri.AbsolutePath.Trim('/'));
        if (name.Length == 0) name = DefaultName;
        if (!name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'))
            throw new FormatException($"expected a cluster name of letters, digits, '-', '_' and '.', found '{name}'");
        return new ClusterAddress(uri, name);
    }

    /// <summary>How to connect to the Redis server. A server that is away is waited for: streams go on without it.</summary>
    public ConfigurationOptions ToRedisOptions()
    {
        var options = new ConfigurationOptions
        {
            Ssl = IsEncrypted,
            AbortOnConnectFail = false,
            ConnectTimeout = 2000,
            AsyncTimeout = 2000,
            ClientName = "dgpt",
        };
        options.EndPoints.Add(Endpoint);
        string[] user = _uri.UserInfo.Split(':', 2);
        if (user is [{ Length: > 0 } name, ..]) options.User = Uri.UnescapeDataString(name);
        if (user is [_, { Length: > 0 } password]) options.Password = Uri.UnescapeDataString(password);
        return options;
    }

    /// <summary>Asks the Redis server for an answer, so that a wrong address fails at once and with a reason.</summary>
    /// <exception cref="ClusterUnreachableException">There is none, or it refuses.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            ConfigurationOptions options = ToRedisOptions();
            options.AbortOnConnectFail = true;
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellationToken);
            await redis.GetDatabase().PingAsync().WaitAsync(cancellationToken);
        }
        catch (RedisConnectionException e)
        {
            throw new ClusterUnreachableException($"{this}: Redis cannot be used: {Describe(e)}", e);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new ClusterUnreachableException($"{this}: Redis cannot be used: {e.Message}", e);
        }
    }

    /// <summary>This machine's own address on the way to the Redis server: the one in the network that the members share.</summary>
    /// <exception cref="ClusterUnreachableException">There is no way to the server.</exception>
    public async Task<IPAddress> FindOwnAddressAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            // Connecting a datagram socket chooses the way and sends nothing.
            using var socket = new Socket(SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(_uri.Host, Port, cancellationToken);
            IPAddress own = ((IPEndPoint)socket.LocalEndPoint!).Address;
            return own.IsIPv4MappedToIPv6 ? own.MapToIPv4() : own;
        }
        catch (SocketException e)
        {
            throw new ClusterUnreachableException($"{this}: there is no way to Redis: {e.Message}", e);
        }
    }

    /// <summary>In a few words, since the exception's own advise how to write a program.</summary>
    private string Describe(RedisConnectionException failure) => failure.FailureType switch
    {
        ConnectionFailureType.AuthenticationFailure when IsEncrypted => "it speaks no TLS, has no trusted certificate, or refuses the user or the password",
        ConnectionFailureType.AuthenticationFailure => "it refuses the user or the password",
        ConnectionFailureType.UnableToConnect or ConnectionFailureType.UnableToResolvePhysicalConnection => "nothing answers there",
        ConnectionFailureType.ResponseIntegrityFailure or ConnectionFailureType.ProtocolFailure => "what answers there is no Redis server",
        ConnectionFailureType type => $"{type}",
    };

    /// <summary>The address without the password.</summary>
    public override string ToString() => $"{_uri.Scheme}://{Endpoint}/{Name}";
}
