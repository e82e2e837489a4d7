using System.Text.Json;

namespace DistributedGpt.Gateway;

/// <summary>
/// The fields of a JSON object, read strictly: names are case-sensitive, nothing is converted, null is the same as absent, and
/// a value of the wrong type is refused by the field's name. Fields that nobody asks for are ignored.
/// </summary>
internal readonly struct JsonFields(JsonElement root)
{
    /// <summary>The field, unless it is absent or null.</summary>
    public bool TryGet(string name, out JsonElement value) => root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    public string? String(string name) => TryGet(name, out JsonElement value) ? ReadString(name, value) : null;

    public bool Flag(string name) => TryGet(name, out JsonElement value) && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, "a boolean", value),
    };

    public double? Number(string name) => TryGet(name, out JsonElement value) ? ReadNumber(name, value) : null;

    public int? Integer(string name) => TryGet(name, out JsonElement value) ? ReadInteger(name, value) : null;

    public long? LongInteger(string name)
    {
        if (!TryGet(name, out JsonElement value)) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : throw Wrong(name, "an integer of 64 bits", value);
    }

    public static string ReadString(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) throw Wrong(name, "a string", value);
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, or bytes that are not UTF-8: legal in JSON's grammar, but no text.
            throw ApiException.Invalid(name, $"{name} is not valid Unicode text.");
        }
    }

    public static double ReadNumber(string name, JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetDouble()
        : throw Wrong(name, "a number", value);

    public static int ReadInteger(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number) throw Wrong(name, "an integer", value);
        if (value.TryGetInt32(out int number)) return number;
        double real = value.GetDouble();
        if (real != Math.Truncate(real)) throw Wrong(name, "an integer", value);
        return real is >= int.MinValue and <= int.MaxValue
            ? (int)real
            : throw ApiException.Invalid(name, $"{name} is {value.GetRawText()}: out of range.");
    }

    public static ApiException Wrong(string name, string expected, JsonElement value) => ApiException.Invalid(name, $"{name} must be {expected}, not {Describe(value)}.");

    private static string Describe(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "the number " + (value.GetRawText() is { Length: <= 40 } text ? text : "given"),
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };
}
