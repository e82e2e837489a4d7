using System.CommandLine;
using System.Text.Json;

namespace DistributedGpt.Cli;

/// <summary>
/// Values of options from elsewhere than the command line: from the environment, where <c>DGPT_SILO_PORT</c> stands for
/// <c>--silo-port</c>, and from a JSON file, where <c>"silo-port"</c> does. The command line goes before the environment, and that
/// before the file. They are read as if they stood on the command line; what is wrong with one is told under the name that it has
/// where it stands.
/// </summary>
internal sealed class Settings
{
    private static readonly JsonDocumentOptions s_json = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };

    private readonly List<(Option Option, string Source, string Value)> _found = [];

    /// <summary>What is to be appended to the command line.</summary>
    public IEnumerable<string> Arguments => _found.Select(setting => $"{setting.Option.Name}={setting.Value}");

    /// <summary>Finds the values of those options that the command line leaves out.</summary>
    /// <param name="commandLine">The command line.</param>
    /// <param name="options">The options that may be set from elsewhere.</param>
    /// <param name="fileOption">The option that names the file, one of them; null where the command has none.</param>
    /// <exception cref="InputException">The file cannot be used; the message names the key.</exception>
    public static Settings Find(ParseResult commandLine, IReadOnlyCollection<Option> options, SettingsFileOption? fileOption)
    {
        var settings = new Settings();
        Option[] left = [.. options.Where(option => commandLine.GetResult(option) is null or { Implicit: true })];
        foreach (Option option in left)
        {
            string variable = VariableOf(option);
            if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value) settings.Add(option, variable, value);
        }

        if (fileOption is null) return settings;

        // Without its argument it is refused with the rest of the command line.
        string? file = left.Contains(fileOption)
            ? settings._found.Find(setting => setting.Option == fileOption).Value
            : commandLine.GetResult(fileOption) is { Tokens: [{ Value: var named }] } ? named : null;
        if (file is not null) settings.ReadFile(file, options, [.. left.Except(settings._found.Select(setting => setting.Option)).Except([fileOption])]);
        return settings;
    }

    /// <summary>The environment variable that stands for an option.</summary>
    public static string VariableOf(Option option) => "DGPT_" + option.Name.TrimStart('-').Replace('-', '_').ToUpperInvariant();

    /// <summary>A message about an option, under the name that it has where it was set.</summary>
    public string Explain(string message)
    {
        foreach ((Option option, string source, _) in _found)
        {
            if (message.StartsWith(option.Name + ":", StringComparison.Ordinal)) return source + message[option.Name.Length..];
        }

        return message;
    }

    private void Add(Option option, string source, string value)
    {
        // On the command line, what follows a switch is no part of it.
        if (option.ValueType == typeof(bool) && !bool.TryParse(value, out _)) throw new InputException($"{source}: expected true or false, found '{value}'");
        _found.Add((option, source, value));
    }

    private void ReadFile(string file, IReadOnlyCollection<Option> known, Option[] left)
    {
        foreach (JsonProperty property in Parse(file).EnumerateObject())
        {
            Option option = known.FirstOrDefault(option => option.Name == "--" + property.Name) ?? throw new InputException($"{file}: {property.Name}: there is no such option");
            string value = property.Value.ValueKind switch
            {
                JsonValueKind.String => property.Value.GetString()!,
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => property.Value.GetRawText(),
                _ => throw new InputException($"{file}: {property.Name}: expected a text, a number, true or false, found {property.Value.GetRawText()}"),
            };
            if (left.Contains(option)) Add(option, $"{file}: {property.Name}", value);
        }
    }

    private static JsonElement Parse(string file)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file), s_json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : throw new InputException($"{file}: expected a JSON object");
        }
        catch (JsonException e)
        {
            throw new InputException($"{file}: expected a JSON object: {e.Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{file}: cannot be read: {e.Message}");
        }
    }
}
