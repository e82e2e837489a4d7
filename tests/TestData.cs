using System.Reflection;

namespace DistributedGpt.Tests;

/// <summary>Where the tests find the repository's data.</summary>
internal static class TestData
{
    /// <summary>The folder that holds DistributedGpt.sln.</summary>
    public static string RepositoryRoot { get; } = typeof(TestData).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(attribute => attribute.Key == "RepositoryRoot").Value!;

    /// <summary>The full path of a file or folder below tests/data.</summary>
    public static string Find(params string[] parts) => Path.Combine([RepositoryRoot, "tests", "data", .. parts]);
}
