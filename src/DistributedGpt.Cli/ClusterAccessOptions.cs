using System.CommandLine;
using System.CommandLine.Parsing;
using DistributedGpt.Client;

namespace DistributedGpt.Cli;

/// <summary>The options of every command that joins a cluster of other processes, or asks it for something.</summary>
internal sealed class ClusterAccessOptions
{
    private readonly Option<ClusterAddress> _cluster = new("--cluster")
    {
        Description = "The cluster: redis://[user[:password]@]host[:port][/name], rediss:// for TLS.",
        HelpName = "ADDRESS",
        Required = true,
        CustomParser = Parse,
    };

    private readonly Option<string> _certificate = File("--tls-certificate", "This member's certificate, in PEM, for encrypted connections to others. Default: they are not encrypted.");

    private readonly Option<string> _key = File("--tls-key", "The certificate's private key, in PEM.");

    private readonly Option<string> _authority = File("--tls-ca", "The certificates, in PEM, of the authority that signed those of all members; others are refused.");

    /// <summary>Whether an option is one of these, of any command.</summary>
    public static bool Contains(Option option) => option.Name is "--cluster" or "--tls-certificate" or "--tls-key" or "--tls-ca";

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_cluster);
        command.Add(_certificate);
        command.Add(_key);
        command.Add(_authority);
    }

    /// <summary>Reads them.</summary>
    /// <exception cref="InputException">One of the options for TLS is missing beside the others.</exception>
    /// <exception cref="InvalidDataException">A file cannot be used.</exception>
    public ClusterAccess Read(ParseResult result)
    {
        Option<string>[] files = [_certificate, _key, _authority];
        Option<string>[] missing = Array.FindAll(files, option => result.GetValue(option) is null);
        if (missing.Length is 1 or 2) throw new InputException($"{missing[0].Name}: expected beside {string.Join(" and ", files.Except(missing).Select(option => option.Name))}");
        return new ClusterAccess(
            result.GetRequiredValue(_cluster),
            missing.Length > 0 ? null : ClusterCredentials.Load(result.GetRequiredValue(_certificate), result.GetRequiredValue(_key), result.GetRequiredValue(_authority)));
    }

    private static Option<string> File(string name, string description) => new(name) { Description = description, HelpName = "FILE" };

    private static ClusterAddress Parse(ArgumentResult result)
    {
        try
        {
            return ClusterAddress.Parse(Values.Text(result));
        }
        catch (FormatException e)
        {
            result.AddError($"--cluster: {e.Message}");
            return null!;
        }
    }
}
