using System.Text.Json;

namespace DistributedGpt.Models;

/// <summary>
/// The weight files of a folder: <c>model.safetensors</c>, or the shards that <c>model.safetensors.index.json</c> names, and no other
/// file. Where both exist the single file is read, as transformers does.
/// </summary>
internal sealed class Checkpoint : IDisposable
{
    /// <summary>The single file.</summary>
    public const string SingleFile = "model.safetensors";

    /// <summary>The list of shards.</summary>
    public const string IndexFile = "model.safetensors.index.json";

    /// <summary>What exporters put before the names of a decoder's tensors.</summary>
    private static readonly string[] Prefixes = ["transformer.", "model.", "language_model.", "text_model."];

    private static readonly string[] OtherTowers = ["vision_tower.", "vision_model.", "visual.", "multi_modal_projector.", "audio_tower."];

    private static readonly string[] QuantisedSuffixes =
    [
        ".qweight", ".qzeros", ".scales", ".g_idx", ".weight_packed", ".weight_scale", ".weight_scale_inv", ".absmax", ".quant_map",
        ".SCB", "_blocks", "_scales",
    ];

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, StoredTensor> _tensors = [];

    private Checkpoint(string list) => List = list;

    /// <summary>The file that tells which tensors there are, to be named where one is missing.</summary>
    public string List { get; }

    /// <summary>The weight files, in order of their names.</summary>
    public IReadOnlyList<MappedFile> Files => [.. _files.Select(file => file.Map)];

    /// <summary>What a user should know about how the files were chosen.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>The tensors, by name without prefix; those of other towers are left out.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Tensors => _tensors;

    /// <summary>Opens the headers of all weight files.</summary>
    public static Checkpoint Open(string folder)
    {
        bool single = Path.Exists(Path.Combine(folder, SingleFile));
        if (!single && !Path.Exists(Path.Combine(folder, IndexFile)))
            throw ModelFormatException.Of(SingleFile, "file", $"this file or {IndexFile}", OtherWeights(folder));

        SortedDictionary<string, string>? index = single ? null : ReadIndex(folder);
        string[] files = index is null ? [SingleFile] : [.. index.Values.Distinct().Order(StringComparer.Ordinal)];
        Checkpoint checkpoint = new(single ? SingleFile : IndexFile)
        {
            Notes = single && Path.Exists(Path.Combine(folder, IndexFile)) ? [$"{SingleFile} is read; {IndexFile} beside it is not"] : [],
        };
        try
        {
            foreach (string file in files) checkpoint.Add(folder, file, index);
            if (index is not null) checkpoint.RequireAll(index);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
        return checkpoint;
    }

    /// <summary>A tensor's name without what exporters put before it.</summary>
    public static string Bare(string name)
    {
        for (int at = 0; at < Prefixes.Length; at++)
        {
            if (!name.StartsWith(Prefixes[at], StringComparison.Ordinal)) continue;
            name = name[Prefixes[at].Length..];
            at = -1;
        }
        return name;
    }

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    private void Add(string folder, string file, SortedDictionary<string, string>? index)
    {
        SafetensorsFile opened = new(folder, file);
        _files.Add(opened);
        foreach (StoredTensor tensor in opened.Tensors)
        {
            if (index is not null && (!index.TryGetValue(tensor.Name, out string? home) || home != file))
                throw ModelFormatException.Of(file, tensor.Name, $"only tensors that {IndexFile} says are here", $"one that it says is {(home is null ? "nowhere" : $"in {home}")}");

            string name = Bare(tensor.Name);
            if (OtherTowers.Any(tower => name.StartsWith(tower, StringComparison.Ordinal))) continue;
            if (QuantisedSuffixes.Any(suffix => name.EndsWith(suffix, StringComparison.Ordinal)))
                throw ModelFormatException.Of(file, tensor.Name, "weights that are not quantised", tensor.Describe());
            if (!_tensors.TryAdd(name, tensor))
                throw ModelFormatException.Of(file, tensor.Name, "one tensor of this name", $"another, {_tensors[name].Name} in {_tensors[name].File}");
        }
    }

    private void RequireAll(SortedDictionary<string, string> index)
    {
        HashSet<string> stored = [.. _files.SelectMany(file => file.Tensors).Select(tensor => tensor.Name)];
        foreach ((string name, string file) in index)
        {
            if (!stored.Contains(name)) throw ModelFormatException.Of(file, name, $"the tensor that {IndexFile} says is here", "nothing");
        }
    }

    private static SortedDictionary<string, string> ReadIndex(string folder)
    {
        ConfigSection map = JsonFile.Read(folder, IndexFile) is var index && index.SectionOrNull("weight_map") is ConfigSection found
            ? found
            : throw index.Error("weight_map", "an object");
        SortedDictionary<string, string> files = new(StringComparer.Ordinal);
        foreach (JsonProperty property in map.Element.EnumerateObject())
        {
            string file = map.TextOrNull(property.Name) ?? throw map.Error(property.Name, "a file name");
            if (!IsPlainName(file)) throw map.Error(property.Name, "the name of a .safetensors file in this folder", file);
            files.Add(property.Name, file);
        }
        return files.Count > 0 ? files : throw index.Error("weight_map", "at least one tensor", "none");
    }

    private static bool IsPlainName(string file) =>
        file.EndsWith(".safetensors", StringComparison.Ordinal) && file.IndexOfAny(['/', '\\', ':', '\0']) < 0;

    private static string OtherWeights(string folder) =>
        Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal)
            .FirstOrDefault(file => Path.GetExtension(file) is ".bin" or ".pt" or ".pth" or ".gguf" or ".safetensors") ?? "nothing";
}
