using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.RegularExpressions;

namespace DistributedGpt.Cli;

/// <summary>Reads the values of options; what cannot be read is refused by the option's name.</summary>
internal static partial class Values
{
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

    /// <summary>The option that names what computes.</summary>
    public static Option<string?> Device() => new("--device")
    {
        Description = "What computes: cpu or cuda[:INDEX]. Default: cpu.",
        HelpName = "DEVICE",
        CustomParser = result => DevicePattern().IsMatch(Text(result)) ? Text(result) : Wrong<string>(result, "cpu or cuda[:INDEX]"),
    };

    /// <summary>Refuses the option's value.</summary>
    public static T? Wrong<T>(ArgumentResult result, string expected)
    {
        string option = (result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name;
        result.AddError($"{option}: expected {expected}, found '{Text(result)}'");
        return default;
    }

    /// <summary>The last value given.</summary>
    public static string Text(ArgumentResult result) => result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";

    [GeneratedRegex(@"^(cpu|cuda(:\d{1,3})?)$")]
    private static partial Regex DevicePattern();
}
