using System.CommandLine;
using Spectre.Console;

namespace DistributedGpt.Cli;

/// <summary><c>dgpt doctor</c>: what this machine offers and what is missing, each with the command that mends it.</summary>
internal static class DoctorCommand
{
    /// <summary>The command.</summary>
    public static Command Build()
    {
        var command = new Command("doctor", "Show what this machine offers and what is missing.");
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        IAnsiConsole console = Report.CreateConsole();
        foreach (Finding finding in Examination.Run())
        {
            string mark = finding.Good switch
            {
                true => "[green]ok  [/]",
                false => "[red]miss[/]",
                null => "    ",
            };
            console.MarkupLine($"{mark} [bold]{Markup.Escape(finding.Subject)}[/]: {Markup.Escape(finding.Text)}");
            if (finding.Remedy is { } remedy) console.MarkupLine($"       -> {Markup.Escape(remedy)}");
        }

        return 0;
    }
}
