using System.Text;
using System.Text.Json.Nodes;
using DistributedGpt.Tests;

namespace DistributedGpt.Models.Tests;

/// <summary>A golden folder's copy, to be spoiled.</summary>
internal sealed class FolderCopy : IDisposable
{
    public const string Weights = "model.safetensors";

    public FolderCopy(string golden)
    {
        Path = Directory.CreateTempSubdirectory("dgpt-folder-").FullName;
        foreach (string file in Directory.EnumerateFiles(TestData.Find("golden", golden)))
        {
            if (System.IO.Path.GetFileName(file) is not ("expected.json" or "tokenizer.json")) File.Copy(file, this[System.IO.Path.GetFileName(file)]);
        }
    }

    public string Path { get; }

    public string this[string file] => System.IO.Path.Combine(Path, file);

    public void EditJson(string file, Action<JsonObject> edit)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(this[file]))!.AsObject();
        edit(json);
        File.WriteAllText(this[file], json.ToJsonString());
    }

    public void SetConfig(string key, string json) => EditJson("config.json", config => config[key] = JsonNode.Parse(json));

    public void ReplaceText(string file, string old, string replacement)
    {
        string text = File.ReadAllText(this[file], Encoding.Latin1);
        Assert.Contains(old, text);
        int at = text.IndexOf(old, StringComparison.Ordinal);
        File.WriteAllText(this[file], text[..at] + replacement + text[(at + old.Length)..], Encoding.Latin1);
    }

    /// <summary>Rewrites a safetensors file with an edited header; the data stays.</summary>
    public void EditHeader(Action<JsonObject> edit, string file = Weights) => EditHeaderText(text =>
    {
        JsonObject header = JsonNode.Parse(text)!.AsObject();
        edit(header);
        return header.ToJsonString();
    }, file);

    /// <summary>Rewrites a safetensors file with another header text; the data stays.</summary>
    public void EditHeaderText(Func<string, string> edit, string file = Weights)
    {
        byte[] bytes = File.ReadAllBytes(this[file]);
        int length = (int)BitConverter.ToInt64(bytes);
        byte[] header = Encoding.Latin1.GetBytes(edit(Encoding.Latin1.GetString(bytes, 8, length)));
        File.WriteAllBytes(this[file], [.. BitConverter.GetBytes((long)header.Length), .. header, .. bytes.AsSpan(8 + length)]);
    }

    /// <summary>Sets a field of a tensor's entry in the header.</summary>
    public void SetEntry(string tensor, string key, string json) => EditHeader(header => header[tensor]![key] = JsonNode.Parse(json));

    public void EditBytes(Func<byte[], byte[]> edit, string file = Weights) => File.WriteAllBytes(this[file], edit(File.ReadAllBytes(this[file])));

    /// <summary>Puts a symbolic link in a file's place.</summary>
    public void Link(string file, string target)
    {
        File.Delete(this[file]);
        File.CreateSymbolicLink(this[file], target);
    }

    public void SetHeaderLength(ulong length) => EditBytes(bytes => [.. BitConverter.GetBytes(length), .. bytes.AsSpan(8)]);

    /// <summary>Adds a tensor at the end of the data.</summary>
    public void AddTensor(string name, string type, int bytes, string shape, string file = Weights)
    {
        EditHeader(header =>
        {
            long end = header.Where(entry => entry.Key != "__metadata__").Max(entry => (long)entry.Value!["data_offsets"]![1]!);
            header[name] = JsonNode.Parse($$"""{"dtype": "{{type}}", "shape": {{shape}}, "data_offsets": [{{end}}, {{end + bytes}}]}""");
        }, file);
        EditBytes(old => [.. old, .. new byte[bytes]], file);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
