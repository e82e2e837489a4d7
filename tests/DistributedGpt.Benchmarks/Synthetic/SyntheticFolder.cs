using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using DistributedGpt.Models;

namespace DistributedGpt.Benchmarks;

/// <summary>A model folder of random weights in the system's temporary directory, gone when it is disposed of.</summary>
internal sealed class SyntheticFolder : IDisposable
{
    // The weights repeat one block of random numbers, which takes no longer to write than the disk needs.
    private const int RandomElements = 1 << 20;

    // Enough for the ids to be decoded: most of them to nothing.
    private const string Tokenizer = """{"version": "1.0", "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0}}}""";

    /// <summary>Writes the folder.</summary>
    public SyntheticFolder(SyntheticShape shape)
    {
        Path = Directory.CreateTempSubdirectory("dgpt-").FullName;
        try
        {
            File.WriteAllText(System.IO.Path.Combine(Path, "config.json"), shape.Config);
            File.WriteAllText(System.IO.Path.Combine(Path, "tokenizer.json"), Tokenizer);
            WriteWeights(System.IO.Path.Combine(Path, "model.safetensors"), shape);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static void WriteWeights(string path, SyntheticShape shape)
    {
        bool half = shape.Type == TensorType.BFloat16;
        var header = new JsonObject();
        long end = 0;
        foreach ((string name, int[] dimensions) in shape.Tensors)
        {
            long begin = end;
            end += dimensions.Aggregate(half ? 2L : 4L, (bytes, size) => bytes * size);
            header[name] = new JsonObject
            {
                ["dtype"] = half ? "BF16" : "F32",
                ["shape"] = new JsonArray([.. dimensions.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(begin, end),
            };
        }

        byte[] json = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        byte[] block = RandomBlock(half);
        using FileStream file = File.Create(path);
        file.Write(length);
        file.Write(json);
        for (; end > 0; end -= block.Length) file.Write(block.AsSpan(0, (int)Math.Min(end, block.Length)));
    }

    // Uniform and small, as trained weights are.
    private static byte[] RandomBlock(bool half)
    {
        var random = new Random(1);
        float[] values = new float[RandomElements];
        foreach (ref float value in values.AsSpan()) value = (random.NextSingle() - 0.5f) / 16;
        return half
            ? MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)).AsSpan()).ToArray()
            : MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
    }
}
