using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>
/// Hosts on a switch, as containers are: each has an address, a host name and network interfaces of its own, and knows the others by
/// name. They are network namespaces; nothing of them can be seen from outside.
/// </summary>
internal sealed partial class HostNetwork : IDisposable
{
    private const int NetworkNamespace = 0x40000000;

    private static int s_networks;

    private readonly string _prefix = $"dgpt-{Environment.ProcessId}-{Interlocked.Increment(ref s_networks)}";
    private readonly List<string> _names = [];

    public HostNetwork()
    {
        Ip("netns", "add", Switch);
        Ip("-n", Switch, "link", "add", "switch", "type", "bridge");
        Ip("-n", Switch, "link", "set", "switch", "up");
    }

    /// <summary>Whether this machine and its user can have such hosts.</summary>
    public static bool IsSupported => Environment.IsPrivilegedProcess && File.Exists("/usr/sbin/ip");

    private string Switch => $"{_prefix}-switch";

    /// <summary>Adds a host. It knows by name those that are there.</summary>
    public void Add(string name)
    {
        string space = Space(name);
        string link = $"link{_names.Count}";
        _names.Add(name);
        Directory.CreateDirectory($"/etc/netns/{space}");
        File.WriteAllLines($"/etc/netns/{space}/hosts", ["127.0.0.1 localhost", .. _names.Select((host, index) => $"{Address(index)} {host}")]);
        Ip("netns", "add", space);
        Ip("link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", link, "netns", Switch);
        Ip("-n", Switch, "link", "set", link, "master", "switch", "up");
        Ip("-n", space, "addr", "add", $"{Address(_names.Count - 1)}/24", "dev", "eth0");
        Ip("-n", space, "link", "set", "lo", "up");
        Ip("-n", space, "link", "set", "eth0", "up");
    }

    /// <summary>How to start a command on a host, with that environment and nothing of this process's but the paths.</summary>
    public ProcessStartInfo Command(string host, IReadOnlyDictionary<string, string> environment, params IEnumerable<string> command)
    {
        var start = new ProcessStartInfo("ip", ["netns", "exec", Space(host), "unshare", "--uts", "sh", "-c", "hostname \"$HOSTNAME\" && exec \"$@\"", "sh", .. command]);
        foreach (string name in start.Environment.Keys.Except(["PATH", "HOME", "DOTNET_ROOT"]).ToArray()) start.Environment.Remove(name);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        start.Environment["HOSTNAME"] = host;
        return start;
    }

    /// <summary>The host's address.</summary>
    public string Address(string host) => Address(_names.IndexOf(host));

    /// <summary>A socket of this process as if it ran on the host.</summary>
    public Socket CreateSocket(string host)
    {
        // A socket stays in the namespace of the thread that makes it, and a thread that has changed its own cannot be used for others.
        var socket = new TaskCompletionSource<Socket>();
        new Thread(() =>
        {
            try
            {
                using SafeFileHandle space = File.OpenHandle($"/run/netns/{Space(host)}");
                if (EnterNamespace(space, NetworkNamespace) != 0) throw new Win32Exception();
                socket.SetResult(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            }
            catch (Exception e)
            {
                socket.SetException(e);
            }
        }).Start();
        return socket.Task.GetAwaiter().GetResult();
    }

    /// <summary>Has nothing come to the host, and nothing from it: it is on the other side of a split network.</summary>
    public void Partition(string host) => RouteBetween(host, "add");

    /// <summary>Ends what <see cref="Partition"/> began.</summary>
    public void Heal(string host) => RouteBetween(host, "del");

    /// <summary>Loses what one host sends to another.</summary>
    public void Lose(string from, string to) => Route(from, "add", to);

    /// <summary>Ends what <see cref="Lose"/> began.</summary>
    public void Find(string from, string to) => Route(from, "del", to);

    /// <summary>Pulls the host's cable out of the switch.</summary>
    public void Unplug(string host) => Ip("-n", Switch, "link", "set", $"link{_names.IndexOf(host)}", "down");

    /// <summary>Puts it back.</summary>
    public void Plug(string host) => Ip("-n", Switch, "link", "set", $"link{_names.IndexOf(host)}", "up");

    public void Dispose()
    {
        foreach (string space in _names.Select(Space))
        {
            Ip("netns", "del", space);
            Directory.Delete($"/etc/netns/{space}", recursive: true);
        }

        Ip("netns", "del", Switch);
    }

    private static string Address(int index) => $"10.203.0.{index + 2}";

    private void RouteBetween(string host, string verb)
    {
        foreach (string other in _names.Where(name => name != host))
        {
            Route(host, verb, other);
            Route(other, verb, host);
        }
    }

    private void Route(string from, string verb, string to) => Ip("-n", Space(from), "route", verb, "blackhole", Address(to));

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int EnterNamespace(SafeFileHandle space, int kind);

    private static void Ip(params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo("ip", args) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"ip {string.Join(' ', args)}: {error}");
    }

    private string Space(string name) => $"{_prefix}-{name}";
}
