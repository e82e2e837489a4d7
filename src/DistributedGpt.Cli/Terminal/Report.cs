using Spectre.Console;

namespace DistributedGpt.Cli;

/// <summary>Tables on standard output: with colours on a terminal, plain and never wrapped in a pipe.</summary>
internal static class Report
{
    private const int PipeWidth = 10_000;

    /// <summary>The console to write tables to.</summary>
    public static IAnsiConsole CreateConsole()
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected) console.Profile.Width = PipeWidth;
        return console;
    }

    /// <summary>A table with a title; the columns after the first are numbers.</summary>
    public static Table CreateTable(string title, params string[] columns)
    {
        var table = new Table { Title = new TableTitle(title), Border = TableBorder.Minimal };
        for (int i = 0; i < columns.Length; i++)
        {
            var column = new TableColumn(columns[i]);
            table.AddColumn(i == 0 ? column : column.RightAligned());
        }

        return table;
    }

    /// <summary>A number with its thousands set apart.</summary>
    public static string Number(UInt128 value) => value.ToString("N0");

    /// <summary>A number of bytes, exact where it is short.</summary>
    public static string Bytes(double value) => value switch
    {
        >= 1L << 40 => $"{value / (1L << 40):N2} TiB",
        >= 1 << 30 => $"{value / (1 << 30):N2} GiB",
        >= 1 << 20 => $"{value / (1 << 20):N2} MiB",
        >= 1 << 10 => $"{value / (1 << 10):N2} KiB",
        _ => $"{value:N0} B",
    };
}
