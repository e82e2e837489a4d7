using System.Buffers.Binary;
using System.Text.Json;

namespace DistributedGpt.Transformer;

/// <summary>
/// Writes tensors as a safetensors file in bfloat16 (format: Hugging Face safetensors; length of the header as u64, header as
/// JSON, data).
/// </summary>
internal static class SafetensorsWriter
{
    /// <summary>Writes <paramref name="tensors"/> to <paramref name="path"/>, each value rounded to the nearest, ties to even.</summary>
    public static void WriteBFloat16(string path, IReadOnlyList<(string Name, long[] Shape, float[] Values)> tensors)
    {
        using MemoryStream header = new();
        using (Utf8JsonWriter json = new(header))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt");
            json.WriteEndObject();
            long offset = 0;
            foreach ((string name, long[] shape, float[] values) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", "BF16");
                json.WriteStartArray("shape");
                foreach (long size in shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += 2L * values.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        // The format wants the data aligned to 8 bytes: blanks fill the header up.
        while (header.Length % 8 != 0) header.WriteByte((byte)' ');

        using FileStream file = File.Create(path);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        file.Write(length);
        header.WriteTo(file);
        foreach ((_, _, float[] values) in tensors)
        {
            byte[] data = new byte[2 * values.Length];
            for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(2 * i), Round(values[i]));
            file.Write(data);
        }
    }

    private static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}
