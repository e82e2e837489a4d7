using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace DistributedGpt.Models;

/// <summary>
/// Remembers files' hashes in the user's cache directory: one small text file per path, with the time and size that the hash holds
/// for. It is only ever a shortcut: what cannot be read or does not add up counts as absent, what cannot be written is not kept.
/// </summary>
/// <param name="directory">Where the hashes are kept; null keeps none.</param>
internal sealed class FileHashCache(string? directory)
{
    /// <summary>A file's time may stand still for as long as this while its content changes, so younger files are not remembered.</summary>
    private static readonly TimeSpan ClockGrain = TimeSpan.FromSeconds(2);

    /// <summary>The cache of this user.</summary>
    public static FileHashCache OfUser { get; } = new(UserDirectory());

    /// <summary>The hash of the file at <paramref name="path"/> when it had this time and size, or null.</summary>
    public UInt128? Find(string path, DateTime written, long size)
    {
        if (directory is null) return null;
        try
        {
            string[] parts = File.ReadAllText(EntryPath(path)).Split(' ');
            bool holds = parts.Length == 3 && parts[0] == Key(path, written, size)
                && UInt128.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 found)
                && parts[2] == Check(parts[0], parts[1]);
            return holds ? UInt128.Parse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Remembers the hash of a file.</summary>
    public void Keep(string path, DateTime written, long size, UInt128 hash)
    {
        if (directory is null || DateTime.UtcNow - written < ClockGrain) return;
        string key = Key(path, written, size), value = hash.ToString("x32", CultureInfo.InvariantCulture);
        try
        {
            Directory.CreateDirectory(directory);
            string temporary = Path.Combine(directory, Path.GetRandomFileName());
            File.WriteAllText(temporary, $"{key} {value} {Check(key, value)}");
            File.Move(temporary, EntryPath(path), overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }

    private string EntryPath(string path) => Path.Combine(directory!, Digest(path));

    private static string Key(string path, DateTime written, long size) =>
        Digest(string.Create(CultureInfo.InvariantCulture, $"{path}|{written.Ticks}|{size}"));

    private static string Check(string key, string value) => Digest($"{key}|{value}");

    private static string Digest(string text) => Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(text)));

    private static string? UserDirectory()
    {
        string root = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } chosen ? chosen
            : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is not { Length: > 0 } home ? ""
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            : Path.Combine(home, ".cache");
        return Path.IsPathRooted(root) ? Path.Combine(root, "distributedgpt", "hashes") : null;
    }
}
