namespace DistributedGpt.Models;

/// <summary>What a model folder must hold before it is read.</summary>
internal static class FolderFile
{
    /// <summary>Requires a file with content at <paramref name="path"/>, called <paramref name="name"/> in errors.</summary>
    public static void RequireContent(string path, string name)
    {
        string? found = Directory.Exists(path) ? "a folder" : !File.Exists(path) ? "nothing" : new FileInfo(path).Length == 0 ? "an empty file" : null;
        if (found is not null) throw ModelFormatException.Of(name, "file", "a file with content", found);
    }
}
