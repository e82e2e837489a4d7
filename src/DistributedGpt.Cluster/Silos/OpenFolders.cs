using DistributedGpt.Models;

namespace DistributedGpt.Cluster;

/// <summary>The model folders that a silo has open, by path. One that could not be opened is tried again the next time.</summary>
internal sealed class OpenFolders : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (ModelFolder Folder, string Stamp)> _open = [];

    // Somebody may still read from them.
    private readonly List<ModelFolder> _replaced = [];

    /// <summary>The folder as it was opened, whatever became of its files since.</summary>
    /// <exception cref="ModelFormatException">It cannot be used.</exception>
    public ModelFolder Get(string path)
    {
        lock (_gate) return _open.TryGetValue(path, out (ModelFolder Folder, string) known) ? known.Folder : Open(path, StampOf(path));
    }

    /// <summary>The folder as it is now: opened anew where its files have changed.</summary>
    /// <exception cref="ModelFormatException">It cannot be used.</exception>
    public ModelFolder GetCurrent(string path)
    {
        lock (_gate)
        {
            string stamp = StampOf(path);
            if (!_open.TryGetValue(path, out (ModelFolder Folder, string Stamp) known)) return Open(path, stamp);
            if (known.Stamp == stamp) return known.Folder;
            ModelFolder folder = Open(path, stamp);
            _replaced.Add(known.Folder);
            return folder;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((ModelFolder folder, _) in _open.Values) folder.Dispose();
        foreach (ModelFolder folder in _replaced) folder.Dispose();
    }

    private ModelFolder Open(string path, string stamp)
    {
        ModelFolder folder = ModelFolder.Open(path);
        _open[path] = (folder, stamp);
        return folder;
    }

    /// <summary>Names, sizes and times of the files.</summary>
    private static string StampOf(string path) => !Directory.Exists(path) ? "" : string.Join('/', new DirectoryInfo(path).EnumerateFiles()
        .OrderBy(file => file.Name, StringComparer.Ordinal)
        .Select(file => $"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}"));
}
