namespace DistributedGpt.Cli;

/// <summary>The model that ships with the program.</summary>
internal static class BundledModel
{
    private static readonly string RelativePath = Path.Combine("models", "shakespeare");

    /// <summary>Its folder: <c>models/shakespeare</c> beside the executable or in any folder above it.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, RelativePath);
            if (File.Exists(Path.Combine(path, "config.json"))) return path;
        }

        throw new InputException($"the bundled model, {RelativePath}, is neither beside {AppContext.BaseDirectory} nor above it: name a model folder with --model");
    }
}
