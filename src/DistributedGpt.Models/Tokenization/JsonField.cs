using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// A value of a JSON file (sound Unicode, see <see cref="JsonFile"/>) together with its key, so that whatever is wrong with it is reported as
/// <c>FILE: KEY: expected X, found Y</c>.
/// </summary>
internal readonly struct JsonField
{
    private readonly string _file;
    private readonly JsonElement _value;

    /// <summary>The root object of <paramref name="file"/>.</summary>
    public JsonField(string file, JsonElement root)
        : this(file, "", root)
    {
    }

    private JsonField(string file, string key, JsonElement value)
    {
        _file = file;
        Key = key;
        _value = value;
    }

    /// <summary>Where the value stands, such as <c>model.vocab</c>; empty for the root.</summary>
    public string Key { get; }

    /// <summary>The raw value; the default where the key is absent.</summary>
    public JsonElement Value => _value;

    /// <summary>Whether the key is absent or its value is null.</summary>
    public bool IsNull => _value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    /// <summary>The member <paramref name="name"/> of this object; absent members can be asked for and are <see cref="IsNull"/>.</summary>
    public JsonField this[string name]
    {
        get
        {
            string key = Key.Length == 0 ? name : $"{Key}.{name}";
            Require(JsonValueKind.Object, "an object");
            return new JsonField(_file, key, _value.TryGetProperty(name, out JsonElement member) ? member : default);
        }
    }

    /// <summary>The elements of this array.</summary>
    public IEnumerable<JsonField> Items()
    {
        Require(JsonValueKind.Array, "an array");
        int index = 0;
        foreach (JsonElement item in _value.EnumerateArray())
            yield return new JsonField(_file, $"{Key}[{index++}]", item);
    }

    /// <summary>The element at <paramref name="index"/>, given its value: spares the key's text where nothing is wrong.</summary>
    public JsonField ItemAt(int index, JsonElement value) => new(_file, $"{Key}[{index}]", value);

    /// <summary>The members of this object.</summary>
    public IEnumerable<JsonProperty> Members()
    {
        Require(JsonValueKind.Object, "an object");
        return _value.EnumerateObject();
    }

    /// <summary>The string.</summary>
    public string AsString()
    {
        Require(JsonValueKind.String, "a string");
        return _value.GetString()!;
    }

    /// <summary>The string, or null where it is absent or null.</summary>
    public string? AsOptionalString() => IsNull ? null : AsString();

    /// <summary>The truth value.</summary>
    public bool AsBoolean()
    {
        if (_value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            throw Expected("true or false");
        return _value.GetBoolean();
    }

    /// <summary>The truth value, or <paramref name="otherwise"/> where it is absent or null.</summary>
    public bool AsBoolean(bool otherwise) => IsNull ? otherwise : AsBoolean();

    /// <summary>The integer, from 0 to <paramref name="maximum"/>.</summary>
    public int AsInteger(int maximum)
    {
        if (_value.ValueKind != JsonValueKind.Number || !_value.TryGetInt32(out int number) || number < 0 || number > maximum)
            throw Expected($"an integer from 0 to {maximum}");
        return number;
    }

    /// <summary>One of the strings in <paramref name="choices"/>.</summary>
    public string AsOneOf(params ReadOnlySpan<string> choices)
    {
        if (_value.ValueKind == JsonValueKind.String)
        {
            string text = AsString();
            foreach (string choice in choices)
            {
                if (choice == text)
                    return choice;
            }
        }

        throw Expected(string.Join(", ", choices[..^1]!) + (choices.Length > 1 ? " or " : "") + choices[^1]);
    }

    /// <summary>The error that this value is not what it should be.</summary>
    public ModelFormatException Expected(string what) => Expected(what, Describe());

    /// <summary>The error that this value is not what it should be, saying what was found.</summary>
    public ModelFormatException Expected(string what, string found) =>
        ModelFormatException.Of(_file, Key, what, found);

    private void Require(JsonValueKind kind, string what)
    {
        if (_value.ValueKind != kind)
            throw Expected(what);
    }

    private string Describe() => _value.ValueKind == JsonValueKind.Undefined ? "nothing" : ConfigSection.Describe(_value);
}
