using System.Buffers.Binary;
using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// A memory-mapped safetensors file: 8 bytes little-endian header length, a JSON object from tensor name to type, shape and byte
/// range, then the data, which the ranges must tile without hole, overlap or tail. Opening reads the header only, and checks all of
/// it before any address is formed. Source: huggingface/safetensors, <c>README.md</c> and <c>safetensors/src/tensor.rs</c>.
/// </summary>
internal sealed class SafetensorsFile : IDisposable
{
    private const int LengthBytes = 8;
    private const int LongestHeader = 100_000_000;

    private static readonly Dictionary<string, int> BitsOfType = new()
    {
        ["F4"] = 4, ["F6_E2M3"] = 6, ["F6_E3M2"] = 6,
        ["BOOL"] = 8, ["U8"] = 8, ["I8"] = 8, ["F8_E5M2"] = 8, ["F8_E4M3"] = 8, ["F8_E8M0"] = 8, ["F8_E4M3FNUZ"] = 8, ["F8_E5M2FNUZ"] = 8,
        ["I16"] = 16, ["U16"] = 16, ["F16"] = 16, ["BF16"] = 16,
        ["I32"] = 32, ["U32"] = 32, ["F32"] = 32,
        ["I64"] = 64, ["U64"] = 64, ["F64"] = 64, ["C64"] = 64,
    };

    private readonly MappedFile _map;
    private readonly string _name;

    /// <summary>Opens the file <paramref name="name"/> of <paramref name="folder"/>.</summary>
    /// <exception cref="ModelFormatException">The file is missing or its header is unsound.</exception>
    public SafetensorsFile(string folder, string name)
    {
        _name = name;
        _map = new(folder, name);
        try
        {
            Tensors = ReadHeader();
        }
        catch
        {
            _map.Dispose();
            throw;
        }
    }

    /// <summary>The mapped file.</summary>
    public MappedFile Map => _map;

    /// <summary>The tensors of the file.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <inheritdoc/>
    public void Dispose() => _map.Dispose();

    private List<StoredTensor> ReadHeader()
    {
        if (_map.Length < LengthBytes) throw Error("header length", "8 bytes", $"{_map.Length}");
        ulong stated = BinaryPrimitives.ReadUInt64LittleEndian(_map.Bytes(0, LengthBytes));
        long room = Math.Min(LongestHeader, _map.Length - LengthBytes);
        if (stated is 0 || stated > (ulong)room) throw Error("header length", $"from 1 to {room}", $"{stated}");

        byte[] header = _map.Bytes(LengthBytes, (int)stated).ToArray();
        if (header[0] != (byte)'{') throw Error("header", "a JSON object from its first byte on", $"byte 0x{header[0]:x2}");

        long dataStart = LengthBytes + (long)stated;
        long dataLength = _map.Length - dataStart;
        List<(string Name, long Begin, long End)> ranges = [];
        List<StoredTensor> tensors = [];
        foreach (JsonProperty property in JsonFile.ParseObject(_name, "header", header).EnumerateObject())
        {
            if (property.NameEquals("__metadata__"u8))
            {
                RequireTexts(property.Value);
                continue;
            }
            (StoredTensor tensor, long begin, long end) = ReadEntry(property, dataStart, dataLength);
            ranges.Add((tensor.Name, begin, end));
            tensors.Add(tensor);
        }
        RequireTiling(ranges, dataLength);
        return tensors;
    }

    private void RequireTexts(JsonElement metadata)
    {
        if (metadata.ValueKind != JsonValueKind.Object) throw Error("__metadata__", "an object", ConfigSection.Describe(metadata));
        foreach (JsonProperty entry in metadata.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String) throw Error($"__metadata__.{entry.Name}", "a text", ConfigSection.Describe(entry.Value));
        }
    }

    private (StoredTensor Tensor, long Begin, long End) ReadEntry(JsonProperty property, long dataStart, long dataLength)
    {
        string name = property.Name;
        if (property.Value.ValueKind != JsonValueKind.Object) throw Error(name, "an object", ConfigSection.Describe(property.Value));

        string type = property.Value.TryGetProperty("dtype"u8, out JsonElement dtype) && dtype.ValueKind == JsonValueKind.String
            ? dtype.GetString()!
            : throw Error(name, "a dtype", dtype.ValueKind == JsonValueKind.Undefined ? "nothing" : ConfigSection.Describe(dtype));
        if (!BitsOfType.TryGetValue(type, out int bits)) throw Error(name, "a dtype of the safetensors format", type);

        long[] shape = ReadIntegers(name, property.Value, "shape");
        long[] range = ReadIntegers(name, property.Value, "data_offsets");
        if (range.Length != 2) throw Error(name, "two data_offsets", $"{range.Length}");
        if (range[0] > range[1] || range[1] > dataLength)
            throw Error(name, $"data_offsets within {dataLength} bytes of data", StoredTensor.Describe(range));

        if (SizeOf(shape, bits) is not UInt128 size)
            throw Error(name, "a shape that can be stored", $"{type} {StoredTensor.Describe(shape)}");
        if (size != (ulong)(range[1] - range[0]))
            throw Error(name, $"{size} bytes for {type} {StoredTensor.Describe(shape)}", $"{range[1] - range[0]}");

        nint address = _map.Address + (nint)(dataStart + range[0]);
        return (new(_name, name, type, shape, address), range[0], range[1]);
    }

    private long[] ReadIntegers(string tensor, JsonElement entry, string key)
    {
        if (!entry.TryGetProperty(key, out JsonElement list)) throw Error(tensor, key, "nothing");
        if (list.ValueKind != JsonValueKind.Array) throw Error(tensor, $"{key} as a list", ConfigSection.Describe(list));
        long[] integers = new long[list.GetArrayLength()];
        int count = 0;
        foreach (JsonElement item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long integer) || integer < 0)
                throw Error(tensor, $"{key} of integers from 0 to {long.MaxValue}", ConfigSection.Describe(item));
            integers[count++] = integer;
        }
        return integers;
    }

    /// <summary>Bytes of a tensor, or null where they exceed any file or are no whole number.</summary>
    private static UInt128? SizeOf(long[] shape, int bits)
    {
        UInt128 size = (UInt128)bits;
        if (shape.Contains(0)) return 0;
        foreach (long dimension in shape)
        {
            size *= (UInt128)dimension;
            if (size > long.MaxValue) return null;
        }
        return size % 8 == 0 ? size / 8 : null;
    }

    private void RequireTiling(List<(string Name, long Begin, long End)> ranges, long dataLength)
    {
        ranges.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long end = 0;
        foreach ((string name, long begin, long next) in ranges)
        {
            if (begin != end) throw Error(name, $"data from byte {end} on, where the tensor before it ends", $"{begin}");
            end = next;
        }
        if (end != dataLength) throw Error("data", $"{end} bytes, where the last tensor ends", $"{dataLength}");
    }

    private ModelFormatException Error(string part, string expected, string found) => ModelFormatException.Of(_name, part, expected, found);
}
