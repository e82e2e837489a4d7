using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using DistributedGpt.Engine;
using DistributedGpt.Transformer;

namespace DistributedGpt.Cli;

/// <summary>Reads the values of options; what cannot be read is refused by the option's name.</summary>
internal static partial class Values
{
    /// <summary>Stands for the machine's own address in the network of the cluster.</summary>
    public const string OwnAddress = "auto";

    private const int MaximumCores = 1024;

    /// <summary>A whole number.</summary>
    public static int? Integer(ArgumentResult result) =>
        int.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) ? value : Wrong<int?>(result, "a whole number");

    /// <summary>A whole number of 64 bits.</summary>
    public static long? LongInteger(ArgumentResult result) =>
        long.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : Wrong<long?>(result, "a whole number of 64 bits");

    /// <summary>A number.</summary>
    public static double? Number(ArgumentResult result) =>
        double.TryParse(Text(result), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : Wrong<double?>(result, "a number");

    /// <summary>A whole number within limits.</summary>
    public static Func<ArgumentResult, int?> IntegerIn(int minimum, int maximum) => result =>
        int.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum
            ? value
            : Wrong<int?>(result, $"a whole number from {minimum} to {maximum}");

    /// <summary>One of an enumeration's names, in lower case.</summary>
    public static T? OneOf<T>(ArgumentResult result, params string[] names)
        where T : struct, Enum =>
        names.Contains(Text(result)) && Enum.TryParse(Text(result), ignoreCase: true, out T value)
            ? value
            : Wrong<T?>(result, "one of " + string.Join(", ", names));

    /// <summary>An IP address.</summary>
    public static IPAddress? Address(ArgumentResult result) =>
        IPAddress.TryParse(Text(result), out IPAddress? address) ? address : Wrong<IPAddress>(result, "an IP address");

    /// <summary>An IP address, or <see cref="OwnAddress"/>.</summary>
    public static string? AddressOrOwn(ArgumentResult result) =>
        Text(result) == OwnAddress || IPAddress.TryParse(Text(result), out _) ? Text(result) : Wrong<string>(result, $"an IP address or {OwnAddress}");

    /// <summary>A number of bytes, such as 8GiB or 512MiB.</summary>
    public static long? Size(ArgumentResult result) => ParseSize(Text(result)) ?? Wrong<long?>(result, "a size such as 8GiB or 512MiB");

    /// <summary>Cores that this process may use, such as 0-3,8.</summary>
    public static int[]? Cores(ArgumentResult result)
    {
        List<int> cores = [];
        foreach (string range in Text(result).Split(','))
        {
            string[] ends = range.Split('-');
            bool read = int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first) & int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last);
            if (!read || ends.Length > 2 || first > last || last >= MaximumCores) return Wrong<int[]>(result, "cores such as 0-3,8");
            cores.AddRange(Enumerable.Range(first, last - first + 1));
        }

        if (cores.Distinct().Count() < cores.Count) return Wrong<int[]>(result, "each core once");
        if (!OperatingSystem.IsLinux()) return Wrong<int[]>(result, "none, since threads are bound to cores on Linux alone");
        int[] allowed = CpuCores.Allowed();
        return cores.TrueForAll(allowed.Contains) ? [.. cores] : Wrong<int[]>(result, $"some of the cores that this process may use, {string.Join(',', allowed)}");
    }

    /// <summary>Milliseconds by tokens in a step, such as 1:2.5,64:9.</summary>
    public static StepTimes? StepTimes(ArgumentResult result)
    {
        Dictionary<int, double> points = [];
        foreach (string point in Text(result).Split(','))
        {
            string[] parts = point.Split(':');
            bool read = parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int tokens)
                & double.TryParse(parts[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double time) && tokens > 0 && time > 0 && points.TryAdd(tokens, time);
            if (!read) return Wrong<StepTimes>(result, "milliseconds by tokens in a step such as 1:2.5,64:9");
        }

        return new StepTimes(points);
    }

    /// <summary>The bytes of a size such as 8GiB; null where the text is none.</summary>
    public static long? ParseSize(string text)
    {
        Match match = SizePattern().Match(text);
        if (!match.Success) return null;
        int shift = match.Groups[2].Value.ToUpperInvariant() switch { "T" => 40, "G" => 30, "M" => 20, "K" => 10, _ => 0 };
        double bytes = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * (1L << shift);
        return bytes < long.MaxValue ? (long)bytes : null;
    }

    /// <summary>Refuses the option's value.</summary>
    public static T? Wrong<T>(ArgumentResult result, string expected)
    {
        string option = (result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name;
        result.AddError($"{option}: expected {expected}, found '{Text(result)}'");
        return default;
    }

    /// <summary>The last value given.</summary>
    public static string Text(ArgumentResult result) => result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";

    [GeneratedRegex(@"^(\d{1,9}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?$", RegexOptions.IgnoreCase)]
    private static partial Regex SizePattern();
}
