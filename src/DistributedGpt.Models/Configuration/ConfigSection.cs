using System.Globalization;
using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// An object of a configuration file, read key by key. What is absent may have a default, what is present must have the right type
/// and range: everything else is a <see cref="ModelFormatException"/> that names the key. Null is a value of its own, not absence.
/// </summary>
/// <param name="File">The file's name, for errors.</param>
/// <param name="Prefix">The path of this object in the file, empty or ending in a dot.</param>
/// <param name="Element">The object.</param>
internal readonly record struct ConfigSection(string File, string Prefix, JsonElement Element)
{
    /// <summary>The error for <paramref name="key"/>.</summary>
    public ModelFormatException Error(string key, string expected) =>
        Error(key, expected, Element.TryGetProperty(key, out JsonElement value) ? Describe(value) : "nothing");

    /// <summary>The error for <paramref name="key"/>.</summary>
    public ModelFormatException Error(string key, string expected, string found) =>
        ModelFormatException.Of(File, Prefix + key, expected, found);

    /// <summary>The value of <paramref name="key"/> where it is present and not null.</summary>
    public bool TryGet(string key, out JsonElement value) =>
        Element.TryGetProperty(key, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Whether the key is present, be it with null.</summary>
    public bool Has(string key) => Element.TryGetProperty(key, out _);

    /// <summary>An integer from 1 to <paramref name="largest"/>.</summary>
    public int Size(string key, int largest, int? whenAbsent = null)
    {
        if (whenAbsent is int fallback && !Has(key)) return fallback;
        if (TryGet(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetInt32(out int size) && size >= 1 && size <= largest)
        {
            return size;
        }
        throw Error(key, $"an integer from 1 to {largest}");
    }

    /// <summary>As <see cref="Size"/>, or null where the file says null; <paramref name="whenAbsent"/> where it says nothing.</summary>
    public int? SizeOrNull(string key, int largest, int? whenAbsent = null) =>
        !Has(key) ? whenAbsent : TryGet(key, out _) ? Size(key, largest) : null;

    /// <summary>A finite number within bounds.</summary>
    public double Number(string key, double smallest, double largest, double? whenAbsent = null)
    {
        if (whenAbsent is double fallback && !Has(key)) return fallback;
        if (TryGet(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number
            && value.TryGetDouble(out double number) && number >= smallest && number <= largest)
        {
            return number;
        }
        throw Error(key, string.Create(CultureInfo.InvariantCulture, $"a number from {smallest} to {largest}"));
    }

    /// <summary>As <see cref="Number"/>, or null where the file says null or nothing.</summary>
    public double? NumberOrNull(string key, double smallest, double largest) =>
        TryGet(key, out _) ? Number(key, smallest, largest) : null;

    /// <summary>True or false.</summary>
    public bool Flag(string key, bool whenAbsent) =>
        !Element.TryGetProperty(key, out JsonElement value) ? whenAbsent
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
        : throw Error(key, "true or false");

    /// <summary>A text, or null where the file says null or nothing.</summary>
    public string? TextOrNull(string key) =>
        !TryGet(key, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Error(key, "a text");

    /// <summary>The one of <paramref name="choices"/> that the file names.</summary>
    public T Choice<T>(string key, IReadOnlyDictionary<string, T> choices, string? whenAbsent = null)
    {
        string? name = whenAbsent is not null && !Has(key) ? whenAbsent : TextOrNull(key);
        return name is not null && choices.TryGetValue(name, out T? choice)
            ? choice
            : throw Error(key, $"one of {string.Join(", ", choices.Keys)}", name ?? (Has(key) ? "null" : "nothing"));
    }

    /// <summary>A nested object, or null where the file says null or nothing.</summary>
    public ConfigSection? SectionOrNull(string key) =>
        !TryGet(key, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.Object ? new(File, $"{Prefix}{key}.", value)
        : throw Error(key, "an object");

    /// <summary>The objects of a list; empty where the file says null or nothing.</summary>
    public IReadOnlyList<ConfigSection> Sections(string key)
    {
        if (!TryGet(key, out JsonElement value)) return [];
        if (value.ValueKind != JsonValueKind.Array) throw Error(key, "a list of objects");
        List<ConfigSection> sections = [];
        foreach (JsonElement item in value.EnumerateArray())
        {
            string name = $"{key}[{sections.Count}]";
            if (item.ValueKind != JsonValueKind.Object) throw Error(name, "an object", Describe(item));
            sections.Add(new(File, $"{Prefix}{name}.", item));
        }
        return sections;
    }

    /// <summary>Refuses keys that nobody reads, since they may be misspelt.</summary>
    public void RequireKnown(params ReadOnlySpan<string> known)
    {
        foreach (JsonProperty property in Element.EnumerateObject())
        {
            if (!known.Contains(property.Name)) throw Error(property.Name, $"no key but {string.Join(", ", known)}", Describe(property.Value));
        }
    }

    /// <summary>An integer or a list of integers; empty where the file says null or nothing.</summary>
    public IReadOnlyList<long> Integers(string key)
    {
        if (!TryGet(key, out JsonElement value)) return [];
        List<long> integers = [];
        foreach (JsonElement item in value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToArray() : [value])
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long integer))
                throw Error(key, "an integer or a list of integers");
            integers.Add(integer);
        }
        return integers;
    }

    /// <summary>A value as an error tells it.</summary>
    public static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => $"\"{value.GetString()}\"",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        _ => value.GetRawText(),
    };
}
