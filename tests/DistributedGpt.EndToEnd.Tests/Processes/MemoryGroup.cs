using System.Globalization;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>A control group whose processes may use so much memory, as those of a container may.</summary>
internal sealed class MemoryGroup : IDisposable
{
    private const string Root = "/sys/fs/cgroup";

    private readonly string _folder;

    private MemoryGroup(string folder) => _folder = folder;

    /// <summary>The words before a command that runs in the group.</summary>
    public string[] Words => ["sh", "-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh", Path.Combine(_folder, "cgroup.procs")];

    /// <summary>Makes one inside this process's own group, of version 1 or 2.</summary>
    /// <param name="bytes">The limit.</param>
    /// <param name="reason">Why this machine or its user cannot have one.</param>
    public static MemoryGroup? TryCreate(long bytes, out string reason)
    {
        string? folder = null;
        try
        {
            string[][] groups = [.. File.ReadLines("/proc/self/cgroup").Select(line => line.Split(':', 3))];
            bool isFirstVersion = Array.Exists(groups, group => group[1] == "memory");
            string own = groups.First(group => group[1] == (isFirstVersion ? "memory" : ""))[2];
            folder = $"{Root}{(isFirstVersion ? "/memory" : "")}{own.TrimEnd('/')}/dgpt-{Environment.ProcessId}";
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, isFirstVersion ? "memory.limit_in_bytes" : "memory.max"), bytes.ToString(CultureInfo.InvariantCulture));
            reason = "";
            return new MemoryGroup(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (Directory.Exists(folder)) Directory.Delete(folder);
            reason = $"a control group with a memory limit cannot be made: {e.Message}";
            return null;
        }
    }

    public void Dispose() => Directory.Delete(_folder);
}
