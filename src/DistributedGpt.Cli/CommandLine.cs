using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using DistributedGpt.Client;
using DistributedGpt.Engine;
using DistributedGpt.Models;
using DistributedGpt.Transformer;
using Microsoft.Extensions.Logging;

namespace DistributedGpt.Cli;

/// <summary>
/// The command <c>dgpt</c>. Exit codes: 0; 1 where the input is bad or something failed, with one line <c>error: ...</c> on standard
/// error; 130 after Ctrl-C and 143 after SIGTERM.
/// </summary>
public static class CommandLine
{
    private static readonly Option<LogLevel?> LogLevelOption = new("--log-level")
    {
        Description = "Write logs of this level and above to standard error: trace, debug, information, warning, error or critical.",
        HelpName = "LEVEL",
        Recursive = true,
        CustomParser = result => Values.OneOf<LogLevel>(result, "trace", "debug", "information", "warning", "error", "critical"),
    };

    private static readonly ParserConfiguration s_parser = new() { EnablePosixBundling = false, ResponseFileTokenReplacer = null };

    /// <summary>Runs the command and gives its exit code.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args)
    {
        RootCommand root = Build();
        ParseResult parsed = root.Parse(args, s_parser);
        Settings settings;
        try
        {
            settings = FindSettings(parsed);
        }
        catch (InputException e)
        {
            return Fail(e.Message);
        }

        parsed = root.Parse([.. args.TakeWhile(NoEnd), .. settings.Arguments, .. args.SkipWhile(NoEnd)], s_parser);
        if (parsed.Action is ParseErrorAction) return Fail(settings.Explain(parsed.Errors[0].Message));
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e) when (Describe(e) is { } message)
        {
            return Fail(settings.Explain(message));
        }
        catch (Exception e)
        {
            bool debug = parsed.GetValue(LogLevelOption) is <= LogLevel.Debug;
            return Fail(debug ? e.ToString() : $"unexpected {e.GetType().Name}: {e.Message} (--log-level debug shows where)", oneLine: !debug);
        }
    }

    /// <summary>Whether options may still follow.</summary>
    private static bool NoEnd(string arg) => arg != "--";

    private static Settings FindSettings(ParseResult parsed)
    {
        // Help is given whatever stands elsewhere.
        ICollection<Option> own = parsed.Action is HelpAction ? [] : parsed.CommandResult.Command.Options;
        SettingsFileOption? file = own.OfType<SettingsFileOption>().FirstOrDefault();
        return Settings.Find(parsed, file is null ? [.. own.Where(ClusterAccessOptions.Contains)] : [.. own, LogLevelOption], file);
    }

    private static RootCommand Build()
    {
        var root = new RootCommand("DistributedGpt: text from GPT-style transformers whose layers live in a cluster.")
        {
            LogLevelOption,
            GenerateCommand.Build(LogLevelOption),
            ServeCommand.Build(LogLevelOption),
            SiloCommand.Build(LogLevelOption),
            GatewayCommand.Build(LogLevelOption),
            ModelCommand.Build(LogLevelOption),
            RebalanceCommand.Build(LogLevelOption),
            StatusCommand.Build(LogLevelOption),
            TrainCommand.Build(),
            InfoCommand.Build(),
            PlanCommand.Build(),
            DoctorCommand.Build(),
        };
        root.Directives.Clear();
        root.SetAction(result => new HelpAction().Invoke(result));
        return root;
    }

    /// <summary>What the user is told of a failure that is not a fault of the program; null for any other.</summary>
    private static string? Describe(Exception exception) => exception switch
    {
        RequestRefusedException { Param: { } param } refused when refused.Message.StartsWith(param, StringComparison.Ordinal) =>
            "--" + param.Replace('_', '-').Replace("-ids", "", StringComparison.Ordinal) + refused.Message[param.Length..],
        RequestRefusedException or GenerationFailedException or ClusterUnreachableException or ModelLoadException or DrainException or RebalanceException or ModelFormatException or TorchUnavailableException or InputException or InvalidDataException => exception.Message,
        ArgumentException or IOException or UnauthorizedAccessException => exception.Message,
        AggregateException { InnerExceptions: [{ } inner] } => Describe(inner),
        _ => null,
    };

    private static int Fail(string message, bool oneLine = true)
    {
        Console.Error.WriteLine("error: " + (oneLine ? string.Join(' ', message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) : message));
        return 1;
    }
}
