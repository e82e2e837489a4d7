using DistributedGpt.Tests;

namespace DistributedGpt.EndToEnd.Tests;

/// <summary>What the image does that the compose file does not say.</summary>
internal static class Dockerfile
{
    /// <summary>The shell command that tells whether a container is healthy.</summary>
    public static string HealthCheck { get; } = File.ReadLines(Path.Combine(TestData.RepositoryRoot, "deploy", "Dockerfile"))
        .SkipWhile(line => !line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal))
        .Select(line => line.Split("CMD ", 2))
        .First(parts => parts.Length == 2)[1];
}
