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

    /// <summary>The golden folders of the families that are built.</summary>
    public static string[] SupportedGoldens { get; } =
    [
        "gpt2", "gpt2-scaled-inverse-bf16", "llama", "llama-biases-f16", "llama-linear-old-spelling", "llama-mha-tied-bf16-sharded",
        "llama3-head-dim", "llama3-old-spelling-bf16", "mistral", "qwen2", "qwen2-tied-bf16", "qwen3", "qwen3-tied-bf16-old-spelling",
    ];
}
