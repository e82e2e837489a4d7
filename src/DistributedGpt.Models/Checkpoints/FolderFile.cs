namespace DistributedGpt.Models;

/// <summary>What a model folder must hold before it is read.</summary>
internal static class FolderFile
{
    /// <summary>
    /// Requires a file with content at <paramref name="path"/>, called <paramref name="name"/> in errors, and returns its length.
    /// Links are followed, since a model may lie in a cache of links. Pipes and devices have no length: they would be read for ever.
    /// </summary>
    public static long RequireContent(string path, string name)
    {
        if (Directory.Exists(path)) throw Error("a folder");
        if (!File.Exists(path)) throw Error("nothing");
        FileInfo file;
        try
        {
            file = new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Error(error.Message);
        }
        if (!file.Exists) throw Error("a link to nothing");
        return file.Length > 0 ? file.Length : throw Error("an empty file");

        ModelFormatException Error(string found) => ModelFormatException.Of(name, "file", "a file with content", found);
    }
}
