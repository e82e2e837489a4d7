namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A folder that one process sees in the place of another, in a mount namespace of its own.</summary>
internal static class PrivateMount
{
    /// <summary>Whether this machine and its user can have such.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && File.Exists("/usr/bin/unshare");

    /// <summary>The words before a command that sees <paramref name="folder"/> where all others see <paramref name="place"/>.</summary>
    public static string[] Of(string folder, string place) =>
        ["unshare", "--mount", "sh", "-c", "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"", "sh", folder, place];
}
